using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>Enters the calling device into the device directory.</summary>
internal sealed class PublishDeviceKey(IVaultStore store)
{
    public async Task<PublishDeviceKeyResponse> HandleAsync(PublishDeviceKeyRequest request, ServerCallContext context)
    {
        if (request.Operation.Kind != OperationKind.DeviceKey)
        {
            throw Errors.Field("operation.kind", "NOT_ALLOWED", "must be OPERATION_KIND_DEVICE_KEY");
        }

        var caller = context.Caller();
        var operation = VaultOperation.From(request.Operation, caller.AccountId, caller.DeviceId);
        var results = await PushRules.PushAsync(store, caller, [operation], atomic: false);
        return new PublishDeviceKeyResponse { Result = results[0] };
    }
}
