using Kpm.Server.Rpc;
using Kpm.Server.Storage;
using Kpm.Server.Storage.Files;
using Kpm.V1;
using Microsoft.Win32.SafeHandles;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>
/// An upload in the hands of one call. The order is what makes it true: bytes, sync, then the row says that they have arrived;
/// and at the end hash, name, sync of the folder, then the row says that the attachment is whole.
/// </summary>
internal sealed class Upload(
    Caller caller,
    AttachmentRow row,
    UploadTurns.Turn turn,
    IAttachmentStore store,
    AttachmentFiles files,
    ContentGates gates,
    TimeProvider time,
    Limits limits,
    ILogger logger) : IDisposable
{
    private SafeFileHandle? _file;
    private ulong _at;
    private ulong _received;
    private ulong _saved;
    private long _unsynced;

    /// <summary>It was whole before this call, or is now.</summary>
    public bool Complete { get; private set; }

    /// <summary>Bytes that have arrived; durable once <see cref="EndAsync"/> has returned.</summary>
    public ulong Received => Complete ? row.Size : _received;

    /// <summary>A newer call wants to go on with the upload.</summary>
    public CancellationToken Replaced => turn.Replaced;

    public async Task OpenAsync(ulong offset)
    {
        var whole = files.ContentLength(caller.AccountId, row.Sha256) == (long)row.Size;
        if (row.Complete && !whole)
        {
            Log.ContentLost(logger);
            await store.LoseAsync(caller.AccountId, row.AttachmentId, time.Now() + limits.AttachmentUploadLifetime, CancellationToken.None);
        }

        // The file may have its name already: from this upload before a crash, or from another attachment with the same content.
        var named = whole && (row.Complete || (files.IncomingLength(caller.AccountId, row.AttachmentId) is null && await IsContentTrueAsync()));
        if (named)
        {
            if (!row.Complete)
            {
                await FinishAsync();
            }

            Complete = true;
            return;
        }

        var received = row.Complete ? 0 : row.Received;
        (_file, var length) = await files.OpenIncomingAsync(caller.AccountId, row.AttachmentId, (long)received);
        _received = _saved = (ulong)length;
        if (offset > _received)
        {
            throw Errors.Of(ErrorReason.OffsetInvalid);
        }

        _at = offset;
    }

    /// <exception cref="KpmException">More than the promised bytes, or the session has ended.</exception>
    /// <exception cref="StorageUnavailableException">The disk refused; what was durable before is kept.</exception>
    public async Task AppendAsync(ReadOnlyMemory<byte> bytes)
    {
        if (Complete)
        {
            return;
        }

        if ((ulong)bytes.Length > row.Size - _at)
        {
            throw Errors.Of(ErrorReason.OffsetInvalid);
        }

        try
        {
            await files.WriteAsync(_file!, bytes, (long)_at);
        }
        catch (StorageUnavailableException)
        {
            await ForgetUnsyncedAsync();
            throw;
        }

        _at += (ulong)bytes.Length;
        _received = Math.Max(_received, _at);
        _unsynced += bytes.Length;
        if (_unsynced >= limits.AttachmentSyncBytes)
        {
            await SaveAsync();
        }
    }

    /// <summary>Makes durable what has arrived, and completes the attachment if that is all of it.</summary>
    public async Task EndAsync()
    {
        if (Complete)
        {
            return;
        }

        if (_received < row.Size)
        {
            await SaveAsync();
        }
        else
        {
            await SyncAsync();
            if (!await HasPromisedHashAsync(_file!))
            {
                await DropAsync();
                throw Errors.Of(ErrorReason.AttachmentMismatch);
            }

            await FinishAsync();
        }
    }

    /// <summary>The call broke: keeps what has arrived. Its own failure must not hide the one that broke it.</summary>
    public async Task KeepAsync()
    {
        if (Complete || _unsynced == 0)
        {
            return;
        }

        try
        {
            await SyncAsync();
            await store.SaveReceivedAsync(caller, row.AttachmentId, _received, CancellationToken.None);
        }
        catch (Exception e) when (e is StorageUnavailableException or StorageBusyException)
        {
            Log.UploadNotKept(logger, e);
        }
    }

    public void Dispose()
    {
        _file?.Dispose();
        turn.Dispose();
    }

    private async Task SaveAsync()
    {
        await SyncAsync();
        if (_received > _saved)
        {
            if (!await store.SaveReceivedAsync(caller, row.AttachmentId, _received, CancellationToken.None))
            {
                throw Errors.Of(ErrorReason.SessionInvalid);
            }

            _saved = _received;
        }
    }

    private async Task SyncAsync()
    {
        if (_unsynced == 0)
        {
            return;
        }

        try
        {
            await files.SyncAsync(_file!, caller.AccountId, row.AttachmentId);
        }
        catch (StorageUnavailableException)
        {
            // What the disk holds of the rest is unknown: it is cut off, and sent again.
            await ForgetUnsyncedAsync();
            throw;
        }

        _unsynced = 0;
    }

    private async Task FinishAsync()
    {
        using (await gates.EnterAsync(row.Sha256))
        {
            await files.KeepAsync(caller.AccountId, row.AttachmentId, row.Sha256);
            if (!await store.CompleteAsync(caller, row.AttachmentId, time.Now() + limits.AttachmentGrace, CancellationToken.None))
            {
                throw Errors.Of(ErrorReason.SessionInvalid);
            }
        }

        Complete = true;
    }

    private async Task<bool> HasPromisedHashAsync(SafeFileHandle file) => (await files.HashAsync(file)).AsSpan().SequenceEqual(row.Sha256);

    /// <summary>False, and the file is gone, where the disk has spoiled it: then it is uploaded again.</summary>
    private async Task<bool> IsContentTrueAsync()
    {
        using (await gates.EnterAsync(row.Sha256))
        {
            using var content = await files.OpenContentAsync(caller.AccountId, row.Sha256);
            if (content is null || await HasPromisedHashAsync(content))
            {
                return content is not null;
            }

            Log.ContentLost(logger);
            await files.RemoveContentAsync(caller.AccountId, row.Sha256);
            return false;
        }
    }

    /// <summary>A full disk must not stay full of what nobody was told to be there.</summary>
    private async Task ForgetUnsyncedAsync()
    {
        _unsynced = 0;
        _received = _saved;
        if (_saved == 0)
        {
            await DropAsync();
        }
        else
        {
            await files.CutAsync(_file!, (long)_saved);
        }
    }

    private async Task DropAsync()
    {
        // The file first: on a full disk the row may have to wait, and without its file it is an upload that begins anew.
        await files.RemoveIncomingAsync(caller.AccountId, row.AttachmentId);
        await store.DropAsync(caller.AccountId, row.AttachmentId, CancellationToken.None);
    }
}
