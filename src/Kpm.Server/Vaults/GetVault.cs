using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>Where the vault stands, and the wrapped keys to open it.</summary>
internal sealed class GetVault(IVaultStore store, TimeProvider time, Limits limits)
{
    public async Task<GetVaultResponse> HandleAsync(GetVaultRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        await SeqWait.UntilAsync(store, caller.AccountId, request.MinSeq, time, limits, context.CancellationToken);
        var vault = store.Vault(caller.AccountId, caller.SessionId);
        return new GetVaultResponse
        {
            VaultId = caller.AccountId.ToWire(),
            Generation = vault.State.Generation,
            KeyEpoch = vault.State.KeyEpoch,
            HeadSeq = vault.State.HeadSeq,
            CompactedSeq = vault.State.CompactedSeq,
            ChainHash = ByteString.CopyFrom(vault.State.ChainHash),
            Keyset = vault.Keyset,
            KeysHeldUntil = vault.KeysHeldUntil?.ToTimestamp(),
        };
    }
}
