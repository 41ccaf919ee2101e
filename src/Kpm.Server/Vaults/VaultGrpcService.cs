using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>The table of contents of VaultService: each rpc's handler is the file of its name.</summary>
internal sealed class VaultGrpcService(
    GetVault getVault,
    PutKeyset putKeyset,
    PublishDeviceKey publishDeviceKey,
    ListDeviceKeys listDeviceKeys,
    Sync sync,
    Watch watch,
    Push push,
    PublishCheckpoint publishCheckpoint,
    GetUsage getUsage) : VaultService.VaultServiceBase
{
    public override Task<GetVaultResponse> GetVault(GetVaultRequest request, ServerCallContext context) => getVault.HandleAsync(request, context);

    public override Task<PutKeysetResponse> PutKeyset(PutKeysetRequest request, ServerCallContext context) => putKeyset.HandleAsync(request, context);

    public override Task<PublishDeviceKeyResponse> PublishDeviceKey(PublishDeviceKeyRequest request, ServerCallContext context) => publishDeviceKey.HandleAsync(request, context);

    public override Task<ListDeviceKeysResponse> ListDeviceKeys(ListDeviceKeysRequest request, ServerCallContext context) => listDeviceKeys.HandleAsync(request, context);

    public override Task Sync(IAsyncStreamReader<SyncRequest> requestStream, IServerStreamWriter<SyncResponse> responseStream, ServerCallContext context) => sync.HandleAsync(requestStream, responseStream, context);

    public override Task Watch(WatchRequest request, IServerStreamWriter<WatchResponse> responseStream, ServerCallContext context) => watch.HandleAsync(request, responseStream, context);

    public override Task<PushResponse> Push(PushRequest request, ServerCallContext context) => push.HandleAsync(request, context);

    public override Task<PublishCheckpointResponse> PublishCheckpoint(PublishCheckpointRequest request, ServerCallContext context) => publishCheckpoint.HandleAsync(request, context);

    public override Task<GetUsageResponse> GetUsage(GetUsageRequest request, ServerCallContext context) => getUsage.HandleAsync(request, context);
}
