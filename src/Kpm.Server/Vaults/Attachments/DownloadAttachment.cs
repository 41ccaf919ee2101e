using System.Buffers;
using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Storage.Files;
using Kpm.V1;
using Microsoft.Win32.SafeHandles;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>The ciphertext of an attachment, or a range of it, piece by piece. One piece is in memory, however slowly it is read.</summary>
internal sealed class DownloadAttachment(IAttachmentStore store, AttachmentFiles files, Transfers transfers, TimeProvider time, Limits limits, ILogger<DownloadAttachment> logger)
{
    public async Task HandleAsync(DownloadAttachmentRequest request, IServerStreamWriter<DownloadAttachmentResponse> responses, ServerCallContext context)
    {
        var caller = context.Caller();
        using var transfer = transfers.Begin(caller);
        var row = store.Find(caller.AccountId, Guid.ParseExact(request.AttachmentId, "D"));
        if (row is not { Complete: true })
        {
            throw Errors.Of(ErrorReason.NotFound);
        }

        if (request.Offset >= row.Size)
        {
            throw Errors.Of(ErrorReason.OffsetInvalid);
        }

        var rest = row.Size - request.Offset;
        var end = request.Offset + (request.Length == 0 ? rest : Math.Min(request.Length, rest));
        using var file = await OpenAsync(caller.AccountId, row);

        // A session that ended before the transfer was known is not heard of any more.
        if (!store.IsLive(caller))
        {
            throw Errors.Of(ErrorReason.SessionInvalid);
        }

        await SendAsync(file, row.Size, request.Offset, end, responses, transfer, context);
    }

    /// <exception cref="KpmException">The file is not there: it was removed this moment, or is lost.</exception>
    private async Task<SafeFileHandle> OpenAsync(Guid accountId, AttachmentRow row)
    {
        var file = await files.OpenContentAsync(accountId, row.Sha256);
        if (file is not null && RandomAccess.GetLength(file) == (long)row.Size)
        {
            return file;
        }

        file?.Dispose();
        if (store.Find(accountId, row.AttachmentId) is { Complete: true })
        {
            Log.ContentLost(logger);
            await store.LoseAsync(accountId, row.AttachmentId, time.Now() + limits.AttachmentUploadLifetime, CancellationToken.None);
        }

        throw Errors.Of(ErrorReason.NotFound);
    }

    private async Task SendAsync(
        SafeFileHandle file, ulong size, ulong from, ulong end, IServerStreamWriter<DownloadAttachmentResponse> responses, Transfers.Transfer transfer, ServerCallContext context)
    {
        using var patience = new Patience(context, time, limits, transfer.Ended);
        var buffer = ArrayPool<byte>.Shared.Rent(limits.AttachmentPieceBytes);
        try
        {
            for (var at = from; at < end;)
            {
                if (transfer.Reason is { } reason)
                {
                    throw reason == ErrorReason.Unavailable ? Errors.RetryAfter(reason, limits.DrainingRetryAfter) : Errors.Of(reason);
                }

                var piece = buffer.AsMemory(0, (int)Math.Min((ulong)limits.AttachmentPieceBytes, end - at));
                await ReadAsync(file, piece, (long)at, context.CancellationToken);
                patience.Begin();

                // The message is on its way as bytes when the call returns, so the buffer can be used again.
                await responses.WriteAsync(new DownloadAttachmentResponse { Offset = at, Data = UnsafeByteOperations.UnsafeWrap(piece), Size = size }, context.CancellationToken);
                at += (ulong)piece.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async Task ReadAsync(SafeFileHandle file, Memory<byte> piece, long at, CancellationToken cancellationToken)
    {
        for (var read = 0; read < piece.Length;)
        {
            var more = await RandomAccess.ReadAsync(file, piece[read..], at + read, cancellationToken);
            read += more > 0 ? more : throw new EndOfStreamException("The file of an attachment has become shorter.");
        }
    }

    /// <summary>A client that does not read is cut off: after a while, and soon once its session is over.</summary>
    private sealed class Patience : IDisposable
    {
        private readonly ITimer _timer;
        private readonly CancellationTokenRegistration _ended;
        private readonly Limits _limits;
        private volatile bool _over;

        public Patience(ServerCallContext context, TimeProvider time, Limits limits, CancellationToken ended)
        {
            _limits = limits;
            _timer = time.CreateTimer(static call => ((HttpContext)call!).Abort(), context.GetHttpContext(), Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _ended = ended.UnsafeRegister(static self => ((Patience)self!).End(), this);
        }

        /// <summary>A piece is handed to the client now.</summary>
        public void Begin()
        {
            _timer.Change(_limits.StallTimeout, Timeout.InfiniteTimeSpan);
            if (_over)
            {
                End();
            }
        }

        public void Dispose()
        {
            _ended.Dispose();
            _timer.Dispose();
        }

        private void End()
        {
            _over = true;
            _timer.Change(_limits.RevocationTimeout, Timeout.InfiniteTimeSpan);
        }
    }
}
