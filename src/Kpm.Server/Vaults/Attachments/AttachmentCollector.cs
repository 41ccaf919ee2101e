using Kpm.Server.Storage.Files;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>Removes what nobody needs: attachments that nothing names, uploads that were given up, files without a row.</summary>
internal sealed class AttachmentCollector(
    IAttachmentStore store, AttachmentFiles files, UploadTurns turns, ContentGates gates, TimeProvider time, Limits limits, ILogger<AttachmentCollector> logger)
{
    public async Task RemoveExpiredAsync(CancellationToken cancellationToken)
    {
        while (store.Expired(time.Now(), limits.SweepBatch) is { Count: > 0 } expired)
        {
            var removed = 0;
            foreach (var attachment in expired)
            {
                removed += await RemoveAsync(attachment.AccountId, attachment.AttachmentId, cancellationToken) ? 1 : 0;
            }

            // What is uploaded at this moment is for the next time.
            if (removed == 0)
            {
                return;
            }
        }
    }

    /// <summary>Files that a crash has left without a row, in one of the folders.</summary>
    public async Task RemoveStraysAsync(string folder, CancellationToken cancellationToken)
    {
        var removed = folder == AttachmentFiles.IncomingFolder ? await RemoveStrayUploadsAsync(cancellationToken) : await RemoveStrayContentsAsync(folder, cancellationToken);
        if (removed > 0)
        {
            Log.StraysRemoved(logger, removed);
        }
    }

    /// <summary>The row first: a crash in between leaves a file, which is found, and never a row without one.</summary>
    private async Task<bool> RemoveAsync(Guid accountId, Guid attachmentId, CancellationToken cancellationToken)
    {
        using var turn = turns.TryTake(accountId, attachmentId);
        if (turn is null || store.Find(accountId, attachmentId) is not { } row)
        {
            return false;
        }

        using (await gates.EnterAsync(row.Sha256))
        {
            if (await store.RemoveExpiredAsync(accountId, attachmentId, time.Now(), cancellationToken) is not { } removed)
            {
                return false;
            }

            await files.RemoveIncomingAsync(accountId, attachmentId);
            if (!removed.ContentShared)
            {
                await files.RemoveContentAsync(accountId, removed.Sha256);
            }
        }

        return true;
    }

    private async Task<int> RemoveStrayUploadsAsync(CancellationToken cancellationToken)
    {
        var removed = 0;
        foreach (var (accountId, attachmentId) in await files.IncomingAsync())
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var turn = turns.TryTake(accountId, attachmentId);
            if (turn is not null && store.Find(accountId, attachmentId) is null or { Complete: true })
            {
                await files.RemoveIncomingAsync(accountId, attachmentId);
                removed++;
            }
        }

        return removed;
    }

    private async Task<int> RemoveStrayContentsAsync(string folder, CancellationToken cancellationToken)
    {
        var removed = 0;
        foreach (var (accountId, sha256) in await files.ContentsAsync(folder))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (store.HasContent(accountId, sha256))
            {
                continue;
            }

            using (await gates.EnterAsync(sha256))
            {
                if (!store.HasContent(accountId, sha256))
                {
                    await files.RemoveContentAsync(accountId, sha256);
                    removed++;
                }
            }
        }

        return removed;
    }
}
