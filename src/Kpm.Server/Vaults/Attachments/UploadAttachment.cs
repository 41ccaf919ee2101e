using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>An upload, or the rest of it, as a stream of pieces.</summary>
internal sealed class UploadAttachment(Uploads uploads, Transfers transfers, TimeProvider time, Limits limits)
{
    public async Task<UploadAttachmentResponse> HandleAsync(IAsyncStreamReader<UploadAttachmentRequest> requests, ServerCallContext context)
    {
        using var transfer = transfers.Begin(context.Caller());
        using var stalled = new CancellationTokenSource(limits.StallTimeout, time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, transfer.Ended, stalled.Token);
        try
        {
            if (!await requests.MoveNext(ends.Token) || requests.Current.PartCase != UploadAttachmentRequest.PartOneofCase.Start)
            {
                throw Errors.Of(ErrorReason.ProtocolViolation);
            }

            var start = requests.Current.Start;
            using var upload = await uploads.OpenAsync(context.Caller(), start.Upload, start.Offset, ends.Token);
            await ReceiveAsync(upload, requests, stalled, ends.Token);
            return new UploadAttachmentResponse { Received = upload.Received, Complete = upload.Complete };
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw transfer.Reason switch
            {
                ErrorReason.Unavailable => Errors.RetryAfter(ErrorReason.Unavailable, limits.DrainingRetryAfter),
                { } reason => Errors.Of(reason),
                null => Errors.Of(ErrorReason.StreamStalled),
            };
        }
    }

    private async Task ReceiveAsync(Upload upload, IAsyncStreamReader<UploadAttachmentRequest> requests, CancellationTokenSource stalled, CancellationToken ends)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ends, upload.Replaced);
        try
        {
            while (!upload.Complete && await requests.MoveNext(either.Token))
            {
                if (requests.Current.PartCase != UploadAttachmentRequest.PartOneofCase.Data)
                {
                    throw Errors.Of(ErrorReason.ProtocolViolation);
                }

                await upload.AppendAsync(requests.Current.Data.Memory);
                stalled.CancelAfter(limits.StallTimeout);

                // A client that sends all the time never lets the reader wait, where it would hear of its end.
                either.Token.ThrowIfCancellationRequested();
            }

            await upload.EndAsync();
        }
        catch (OperationCanceledException) when (upload.Replaced.IsCancellationRequested && !ends.IsCancellationRequested)
        {
            await upload.KeepAsync();
            throw Errors.With(ErrorReason.Unavailable, "upload", "replaced", limits.AttachmentReplacedRetry);
        }
        catch
        {
            await upload.KeepAsync();
            throw;
        }
    }
}
