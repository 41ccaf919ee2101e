using Grpc.Core;
using Kpm.Server.Vaults.Attachments;
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
    ListRevisions listRevisions,
    GetRevision getRevision,
    ListTrash listTrash,
    UploadAttachment uploadAttachment,
    PutAttachmentChunk putAttachmentChunk,
    GetAttachmentUpload getAttachmentUpload,
    DownloadAttachment downloadAttachment,
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

    public override Task<ListRevisionsResponse> ListRevisions(ListRevisionsRequest request, ServerCallContext context) => listRevisions.HandleAsync(request, context);

    public override Task<GetRevisionResponse> GetRevision(GetRevisionRequest request, ServerCallContext context) => getRevision.HandleAsync(request, context);

    public override Task<ListTrashResponse> ListTrash(ListTrashRequest request, ServerCallContext context) => listTrash.HandleAsync(request, context);

    public override Task<UploadAttachmentResponse> UploadAttachment(IAsyncStreamReader<UploadAttachmentRequest> requestStream, ServerCallContext context) => uploadAttachment.HandleAsync(requestStream, context);

    public override Task<PutAttachmentChunkResponse> PutAttachmentChunk(PutAttachmentChunkRequest request, ServerCallContext context) => putAttachmentChunk.HandleAsync(request, context);

    public override Task<GetAttachmentUploadResponse> GetAttachmentUpload(GetAttachmentUploadRequest request, ServerCallContext context) => getAttachmentUpload.HandleAsync(request, context);

    public override Task DownloadAttachment(DownloadAttachmentRequest request, IServerStreamWriter<DownloadAttachmentResponse> responseStream, ServerCallContext context) => downloadAttachment.HandleAsync(request, responseStream, context);

    public override Task<GetUsageResponse> GetUsage(GetUsageRequest request, ServerCallContext context) => getUsage.HandleAsync(request, context);
}
