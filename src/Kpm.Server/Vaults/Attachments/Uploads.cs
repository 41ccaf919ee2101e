using Kpm.Server.Rpc;
using Kpm.Server.Storage.Files;
using Kpm.V1;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>Begins uploads and goes on with them, whichever way their bytes come in.</summary>
internal sealed class Uploads(
    IAttachmentStore store, AttachmentFiles files, UploadTurns turns, ContentGates gates, TimeProvider time, Limits limits, ILogger<Uploads> logger)
{
    /// <summary>An upload that is ready for the bytes from an offset on; it has to be disposed.</summary>
    /// <exception cref="KpmException">It can't begin, or can't go on there.</exception>
    public async Task<Upload> OpenAsync(Caller caller, AttachmentUpload what, ulong offset, CancellationToken cancellationToken)
    {
        Errors.ThrowIfHeld(caller, time.GetUtcNow());
        var attachmentId = Guid.ParseExact(what.AttachmentId, "D");
        var turn = await turns.TakeAsync(caller.AccountId, attachmentId, cancellationToken);
        try
        {
            // Nobody removes the row while the turn is held, so what is there needs no write.
            var row = store.Find(caller.AccountId, attachmentId) is { } former && former.Size == what.Size && former.Sha256.AsSpan().SequenceEqual(what.Sha256.Span)
                ? former
                : await BeginAsync(caller, attachmentId, what, cancellationToken);
            var upload = new Upload(caller, row, turn, store, files, gates, time, limits, logger);
            await upload.OpenAsync(offset);
            return upload;
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>How much of an attachment is there.</summary>
    public (ulong Received, bool Complete) Status(Guid accountId, AttachmentRow row)
    {
        var whole = files.ContentLength(accountId, row.Sha256) == (long)row.Size;
        if (row.Complete)
        {
            return whole ? (row.Size, true) : (0, false);
        }

        // A crash between giving the file its name and completing the row leaves the whole file under its name.
        return files.IncomingLength(accountId, row.AttachmentId) is { } length
            ? (Math.Min(row.Received, (ulong)length), false)
            : (whole ? row.Size : 0, false);
    }

    private async Task<AttachmentRow> BeginAsync(Caller caller, Guid attachmentId, AttachmentUpload what, CancellationToken cancellationToken)
    {
        var begin = new NewAttachment(attachmentId, what.Size, what.Sha256.ToByteArray(), time.Now() + limits.AttachmentUploadLifetime);
        var result = await store.BeginAsync(caller, begin, cancellationToken);
        return result.Outcome switch
        {
            BeginOutcome.Ready => result.Row!,
            BeginOutcome.Mismatch => throw Errors.Of(ErrorReason.AttachmentMismatch),
            BeginOutcome.QuotaExceeded => throw Errors.QuotaExceeded(what.Size, result.BytesInUse, limits.VaultBytes),
            BeginOutcome.TooManyOpen => throw Errors.RetryAfter(ErrorReason.RateLimited, limits.SweepInterval),
            _ => throw Errors.Of(ErrorReason.SessionInvalid),
        };
    }
}
