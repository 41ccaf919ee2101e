using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Client;

/// <summary>How far a transfer has come.</summary>
/// <param name="Done">Bytes of ciphertext that are over.</param>
/// <param name="Total">Bytes that there are.</param>
public sealed record TransferProgress(ulong Done, ulong Total);

/// <summary>
/// Files of items: encrypted here, sent and fetched in pieces. A transfer goes on where it broke off, for as long as it comes
/// further. Every call throws ServerException for an error of the server.
/// </summary>
public sealed class AttachmentClient
{
    /// <summary>A transfer that has not moved for this long is broken off and begun again; one that could not be begun again for this long is given up.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly LocalStore _store;
    private readonly ServerCalls _calls;
    private readonly SessionKeeper _sessions;
    private readonly VaultService.VaultServiceClient _vaults;
    private readonly TimeProvider _time;

    internal AttachmentClient(LocalStore store, ServerCalls calls, SessionKeeper sessions, VaultService.VaultServiceClient vaults, KpmOptions options)
    {
        _store = store;
        _calls = calls;
        _sessions = sessions;
        _vaults = vaults;
        _time = options.Time;
    }

    /// <summary>Encrypts and uploads a file. It belongs to the item once an edit adds what this returns to the item's files.</summary>
    /// <param name="item">The item, to which the ciphertext is bound.</param>
    /// <param name="content">Read to its end; at most 50 MiB.</param>
    /// <param name="fileName">The file's name.</param>
    /// <param name="mediaType">Its media type.</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What the item must keep of it, with the file's key.</returns>
    /// <exception cref="Kpm1Exception">ATTACHMENT_INVALID: longer than 50 MiB.</exception>
    public async Task<Attachment> UploadAsync(Guid item, Stream content, string fileName, string mediaType, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        var id = Guid.CreateVersion7(_time.GetUtcNow());
        var key = AttachmentCipher.NewKey();
        var path = Path.Combine(_store.Folder, $"upload-{id:N}");

        // The ciphertext is made once and kept until it is over: under one key a second, different text would betray both.
        await using var ciphertext = PrivateFile(path, FileOptions.DeleteOnClose | FileOptions.Asynchronous);
        SealedAttachment made;
        using (var cipher = new AttachmentCipher(key, PlaceOf(item, id)))
        {
            made = await cipher.SealAsync(content, ciphertext, cancellationToken);
        }

        var upload = new AttachmentUpload { AttachmentId = id.ToText(), Size = made.CiphertextLength, Sha256 = ByteString.CopyFrom(made.Sha256) };
        await RepeatAsync(
            async (advanced, ended) =>
            {
                var offset = await ReceivedAsync(upload, ended);
                advanced(offset);
                return offset == upload.Size || await SendAsync(upload, ciphertext, offset, sent => { advanced(sent); progress?.Report(new TransferProgress(sent, upload.Size)); }, ended);
            },
            cancellationToken);
        progress?.Report(new TransferProgress(upload.Size, upload.Size));
        return new Attachment
        {
            Id = upload.AttachmentId,
            FileName = fileName,
            MediaType = mediaType,
            Length = made.Length,
            ChunkCount = made.Chunks,
            Key = ByteString.CopyFrom(key),
            Sha256 = upload.Sha256,
        };
    }

    /// <summary>Fetches and decrypts a file. The path holds it only once all of it was checked; before that nothing is there.</summary>
    /// <param name="item">The item that it belongs to.</param>
    /// <param name="attachment">What the item keeps of it.</param>
    /// <param name="path">The file to make; must not be there.</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>When the file is there.</returns>
    /// <exception cref="Kpm1Exception">ATTACHMENT_INVALID or DECRYPTION_FAILED: the server's bytes are not what was uploaded.</exception>
    /// <exception cref="IOException">The file can't be written, or is there already.</exception>
    public async Task SaveAsync(Guid item, Attachment attachment, string path, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(attachment);
        var id = Guid.TryParseExact(attachment.Id, "D", out var parsed) ? parsed : throw new Kpm1Exception(Kpm1Error.AttachmentInvalid);
        var target = Path.GetFullPath(path);
        var unfinished = Path.Combine(Path.GetDirectoryName(target)!, $".kpm-{Guid.CreateVersion7(_time.GetUtcNow()):N}.part");
        using var cipher = new AttachmentCipher(attachment.Key.Span, PlaceOf(item, id));
        try
        {
            await using (var plaintext = PrivateFile(unfinished, FileOptions.Asynchronous))
            {
                var download = new Download(cipher, attachment, plaintext);
                await RepeatAsync(
                    (advanced, ended) => FetchAsync(download, done => { advanced(done); progress?.Report(new TransferProgress(done, download.Size)); }, ended),
                    cancellationToken);
                await plaintext.FlushAsync(cancellationToken);
                plaintext.Flush(flushToDisk: true);
            }

            File.Move(unfinished, target, overwrite: false);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    private static FileStream PrivateFile(string path, FileOptions options)
    {
        var how = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None, Options = options };
        if (!OperatingSystem.IsWindows())
        {
            how.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, how);
    }

    private AttachmentPlace PlaceOf(Guid item, Guid attachment)
    {
        var account = _store.Vault()!.Account;
        return new AttachmentPlace(account, account, item, attachment);
    }

    /// <summary>Tries again after a lost connection, until that brings nothing for a while.</summary>
    private async Task RepeatAsync(Func<Action<ulong>, CancellationToken, Task<bool>> transfer, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(() => RandomNumberGenerator.GetInt32(int.MaxValue) / (double)int.MaxValue);
        var (furthest, moved) = (0UL, _time.GetTimestamp());
        while (true)
        {
            ServerException failed;
            using var stalled = new CancellationTokenSource(Patience, _time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(stalled.Token, cancellationToken);
            try
            {
                if (await transfer(Advanced, both.Token))
                {
                    return;
                }

                failed = Lost("The transfer ended before its end.");
            }
            catch (RpcException error)
            {
                cancellationToken.ThrowIfCancellationRequested();
                failed = stalled.IsCancellationRequested ? Lost("The transfer stands still.") : ServerException.From(error);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                failed = Lost("The transfer stands still.");
            }
            catch (ServerException error)
            {
                failed = error;
            }

            if (!failed.IsTransient || _time.GetElapsedTime(moved) > Patience)
            {
                throw failed;
            }

            await Task.Delay(backoff.Next(failed.RetryAfter), _time, cancellationToken);

            void Advanced(ulong position)
            {
                if (position > furthest)
                {
                    (furthest, moved) = (position, _time.GetTimestamp());
                    backoff.Reset();
                    stalled.CancelAfter(Patience);
                }
            }
        }
    }

    private static ServerException Lost(string message) => ServerException.From(new RpcException(new Status(StatusCode.Unavailable, message)));

    /// <summary>How much of it the server has.</summary>
    private async Task<ulong> ReceivedAsync(AttachmentUpload upload, CancellationToken cancellationToken)
    {
        try
        {
            var request = new GetAttachmentUploadRequest { AttachmentId = upload.AttachmentId };
            var status = await _calls.SessionAsync(to => _vaults.GetAttachmentUploadAsync(request, to), cancellationToken);

            // Complete is what counts: with all bytes there and the hash not checked the end must be sent once more.
            return status.Complete ? upload.Size : Math.Min(status.Received, upload.Size - 1);
        }
        catch (ServerException unknown) when (unknown.Reason == ErrorReason.NotFound)
        {
            return 0;
        }
    }

    private async Task<bool> SendAsync(AttachmentUpload upload, FileStream ciphertext, ulong offset, Action<ulong> sent, CancellationToken cancellationToken)
    {
        var token = await _sessions.AccessTokenAsync(cancellationToken);
        using var call = _vaults.UploadAttachment(new CallOptions(SessionKeeper.Authorization(token), cancellationToken: cancellationToken));
        try
        {
            await call.RequestStream.WriteAsync(new UploadAttachmentRequest { Start = new UploadStart { Upload = upload, Offset = offset } }, cancellationToken);
            var piece = new byte[AttachmentCipher.SealedChunkSize];
            ciphertext.Position = (long)offset;
            for (int count; (count = await ciphertext.ReadAsync(piece, cancellationToken)) > 0;)
            {
                await call.RequestStream.WriteAsync(new UploadAttachmentRequest { Data = ByteString.CopyFrom(piece, 0, count) }, cancellationToken);
                sent((ulong)ciphertext.Position);
            }

            await call.RequestStream.CompleteAsync();
        }
        catch (Exception closed) when (closed is InvalidOperationException or IOException || closed is RpcException { StatusCode: StatusCode.OK })
        {
            // A write can only say that the call is over; why stands in the answer.
        }

        return (await call.ResponseAsync).Complete;
    }

    private async Task<bool> FetchAsync(Download download, Action<ulong> done, CancellationToken cancellationToken)
    {
        download.BackToChunk();
        var token = await _sessions.AccessTokenAsync(cancellationToken);
        var request = new DownloadAttachmentRequest { AttachmentId = download.Attachment.Id, Offset = download.Position };
        using var call = _vaults.DownloadAttachment(request, new CallOptions(SessionKeeper.Authorization(token), cancellationToken: cancellationToken));
        while (await call.ResponseStream.MoveNext(cancellationToken))
        {
            await download.AddAsync(call.ResponseStream.Current, cancellationToken);
            done(download.Position);
        }

        return download.Position == download.Size;
    }

    /// <summary>A ciphertext on its way: opened chunk by chunk, each as soon as it is whole.</summary>
    private sealed class Download
    {
        private readonly AttachmentCipher _cipher;
        private readonly Stream _plaintext;
        private readonly byte[] _chunk = new byte[AttachmentCipher.SealedChunkSize];
        private readonly byte[] _opened = new byte[AttachmentCipher.ChunkSize];
        private uint _index;
        private int _filled;

        public Download(AttachmentCipher cipher, Attachment attachment, Stream plaintext)
        {
            (_cipher, Attachment, _plaintext) = (cipher, attachment, plaintext);
            Size = attachment.Length + (attachment.ChunkCount * 16UL);
            AttachmentCipher.RequireLength(attachment.Length, attachment.ChunkCount, Size);
        }

        public Attachment Attachment { get; }

        public ulong Size { get; }

        public ulong Position => Math.Min(Size, (_index * (ulong)AttachmentCipher.SealedChunkSize) + (ulong)_filled);

        /// <summary>What came of a chunk that is not whole comes again.</summary>
        public void BackToChunk() => _filled = 0;

        public async Task AddAsync(DownloadAttachmentResponse piece, CancellationToken cancellationToken)
        {
            if (piece.Offset != Position || piece.Size != Size || (ulong)piece.Data.Length > Size - Position)
            {
                throw new Kpm1Exception(Kpm1Error.AttachmentInvalid);
            }

            for (var data = piece.Data.Memory; data.Length > 0;)
            {
                var whole = (int)Math.Min(AttachmentCipher.SealedChunkSize, Size - (_index * (ulong)AttachmentCipher.SealedChunkSize));
                var part = data[..Math.Min(whole - _filled, data.Length)];
                part.CopyTo(_chunk.AsMemory(_filled));
                data = data[part.Length..];
                _filled += part.Length;
                if (_filled == whole)
                {
                    _cipher.OpenChunk(_index, _index == Attachment.ChunkCount - 1, _chunk.AsSpan(0, whole), _opened);
                    await _plaintext.WriteAsync(_opened.AsMemory(0, whole - 16), cancellationToken);
                    (_index, _filled) = (_index + 1, 0);
                }
            }
        }
    }
}
