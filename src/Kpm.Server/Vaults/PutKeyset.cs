using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>Writes the wrapped keys by compare-and-set.</summary>
internal sealed class PutKeyset(IVaultStore store)
{
    public async Task<PutKeysetResponse> HandleAsync(PutKeysetRequest request, ServerCallContext context)
    {
        if (request.Operation.Kind != OperationKind.Keyset)
        {
            throw Errors.Field("operation.kind", "NOT_ALLOWED", "must be OPERATION_KIND_KEYSET");
        }

        var caller = context.Caller();
        var operation = VaultOperation.From(request.Operation, caller.AccountId, caller.DeviceId);
        var results = await PushRules.PushAsync(store, caller, [operation], atomic: false);
        return new PutKeysetResponse { Result = results[0] };
    }
}
