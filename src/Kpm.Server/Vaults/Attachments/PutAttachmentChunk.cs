using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>One piece of an upload, for clients without client streaming.</summary>
internal sealed class PutAttachmentChunk(Uploads uploads)
{
    public async Task<PutAttachmentChunkResponse> HandleAsync(PutAttachmentChunkRequest request, ServerCallContext context)
    {
        using var upload = await uploads.OpenAsync(context.Caller(), request.Upload, request.Offset, context.CancellationToken);
        await upload.AppendAsync(request.Data.Memory);
        await upload.EndAsync();
        return new PutAttachmentChunkResponse { Received = upload.Received, Complete = upload.Complete };
    }
}
