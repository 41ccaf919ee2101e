using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>How much of an attachment has arrived.</summary>
internal sealed class GetAttachmentUpload(IAttachmentStore store, Uploads uploads)
{
    public Task<GetAttachmentUploadResponse> HandleAsync(GetAttachmentUploadRequest request, ServerCallContext context)
    {
        var accountId = context.Caller().AccountId;
        var row = store.Find(accountId, Guid.ParseExact(request.AttachmentId, "D")) ?? throw Errors.Of(ErrorReason.NotFound);
        var (received, complete) = uploads.Status(accountId, row);
        return Task.FromResult(new GetAttachmentUploadResponse
        {
            Upload = new AttachmentUpload { AttachmentId = request.AttachmentId, Size = row.Size, Sha256 = ByteString.CopyFrom(row.Sha256) },
            Received = received,
            Complete = complete,
            ExpiresAt = row.ExpiresAt?.ToTimestamp(),
        });
    }
}
