using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>What the vault holds and may hold.</summary>
internal sealed class GetUsage(IVaultStore store, Limits limits)
{
    public Task<GetUsageResponse> HandleAsync(GetUsageRequest request, ServerCallContext context)
    {
        _ = request;
        var state = store.State(context.Caller().AccountId);
        return Task.FromResult(new GetUsageResponse
        {
            Items = state.Items,
            MaxItems = limits.VaultItems,
            Bytes = state.TotalBytes,
            MaxBytes = limits.VaultBytes,
            AttachmentBytes = state.AttachmentBytes,
            NearlyFull = state.IsNearlyFull(limits),
        });
    }
}
