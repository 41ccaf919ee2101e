using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Kpm.Server.Storage.Files;

/// <summary>
/// The bytes of attachments, in files beside the database. What arrives stands under <c>incoming</c>, by account and
/// attachment; what is whole under the first two digits of its hash, by account and hash, so that no account can find out
/// what another one has. Names are made of ids and hashes only.
/// </summary>
internal sealed class AttachmentFiles(string root, IDiskSync sync) : IDisposable
{
    public const string IncomingFolder = "incoming";

    /// <summary>Calls of the disk that block at once; each holds a thread of the pool.</summary>
    private const int Workers = 4;

    private const int HashBufferBytes = 128 * 1024;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly SemaphoreSlim _workers = new(Workers);

    /// <summary>Every folder that files may stand in.</summary>
    public static IReadOnlyList<string> Folders { get; } = [IncomingFolder, .. Enumerable.Range(0, 256).Select(n => n.ToString("x2", System.Globalization.CultureInfo.InvariantCulture))];

    public string IncomingPath(Guid accountId, Guid attachmentId) => Path.Combine(root, IncomingFolder, $"{accountId:N}.{attachmentId:N}");

    public string ContentPath(Guid accountId, ReadOnlySpan<byte> sha256)
    {
        var hash = Convert.ToHexStringLower(sha256);
        return Path.Combine(root, hash[..2], $"{accountId:N}.{hash}");
    }

    /// <summary>Opens the file that an upload arrives in and cuts off what was never told to be there. Returns how much is there.</summary>
    public Task<(SafeFileHandle File, long Length)> OpenIncomingAsync(Guid accountId, Guid attachmentId, long durable) => OnDiskAsync(() =>
    {
        var path = IncomingPath(accountId, attachmentId);
        var isNew = !File.Exists(path);
        if (isNew)
        {
            MakeFolder(Path.GetDirectoryName(path)!);
        }

        var file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
        try
        {
            if (isNew)
            {
                Protect(path);
                sync.Folder(Path.GetDirectoryName(path)!);
            }

            var length = RandomAccess.GetLength(file);
            if (length > durable)
            {
                RandomAccess.SetLength(file, durable);
                length = durable;
            }

            return (file, length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    });

    public Task WriteAsync(SafeFileHandle file, ReadOnlyMemory<byte> bytes, long offset) => OnDiskAsync(() => RandomAccess.Write(file, bytes.Span, offset));

    public Task SyncAsync(SafeFileHandle file, Guid accountId, Guid attachmentId) => OnDiskAsync(() => sync.File(file, IncomingPath(accountId, attachmentId)));

    public Task CutAsync(SafeFileHandle file, long length) => OnDiskAsync(() => RandomAccess.SetLength(file, length));

    public Task<byte[]> HashAsync(SafeFileHandle file) => OnDiskAsync(() =>
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[HashBufferBytes];
        long at = 0;
        while (RandomAccess.Read(file, buffer, at) is > 0 and var read)
        {
            hash.AppendData(buffer.AsSpan(0, read));
            at += read;
        }

        return hash.GetHashAndReset();
    });

    /// <summary>Gives a whole upload its name. Once this returns, the name survives a loss of power.</summary>
    public Task KeepAsync(Guid accountId, Guid attachmentId, byte[] sha256) => OnDiskAsync(() =>
    {
        var path = ContentPath(accountId, sha256);
        var folder = Path.GetDirectoryName(path)!;
        MakeFolder(folder);
        var incoming = IncomingPath(accountId, attachmentId);
        if (File.Exists(incoming))
        {
            File.Move(incoming, path, overwrite: true);
        }

        sync.Folder(folder);
    });

    /// <summary>Bytes of the file that an upload arrives in; null where there is none.</summary>
    public long? IncomingLength(Guid accountId, Guid attachmentId) => LengthOf(IncomingPath(accountId, attachmentId));

    public long? ContentLength(Guid accountId, ReadOnlySpan<byte> sha256) => LengthOf(ContentPath(accountId, sha256));

    /// <summary>Null where there is no such file. Whoever has it open can read on after it was removed.</summary>
    public Task<SafeFileHandle?> OpenContentAsync(Guid accountId, byte[] sha256) => OnDiskAsync<SafeFileHandle?>(() =>
    {
        try
        {
            return File.OpenHandle(ContentPath(accountId, sha256), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

    /// <summary>Removes the file that an upload arrived in, if there is one.</summary>
    public Task RemoveIncomingAsync(Guid accountId, Guid attachmentId) => RemoveAsync(IncomingPath(accountId, attachmentId));

    public Task RemoveContentAsync(Guid accountId, byte[] sha256) => RemoveAsync(ContentPath(accountId, sha256));

    /// <summary>The attachments that have a file under <c>incoming</c>. What is named otherwise is not ours.</summary>
    public Task<IReadOnlyList<(Guid AccountId, Guid AttachmentId)>> IncomingAsync() => OnDiskAsync<IReadOnlyList<(Guid, Guid)>>(() =>
        [.. Names(IncomingFolder).Select(n => n.Split('.')).Where(p => p.Length == 2 && Guid.TryParseExact(p[0], "N", out _) && Guid.TryParseExact(p[1], "N", out _))
            .Select(p => (Guid.ParseExact(p[0], "N"), Guid.ParseExact(p[1], "N")))]);

    /// <summary>The contents in one of the folders.</summary>
    public Task<IReadOnlyList<(Guid AccountId, byte[] Sha256)>> ContentsAsync(string folder) => OnDiskAsync<IReadOnlyList<(Guid, byte[])>>(() =>
        [.. Names(folder).Select(n => n.Split('.')).Where(p => p.Length == 2 && Guid.TryParseExact(p[0], "N", out _) && IsHash(p[1]) && p[1].StartsWith(folder, StringComparison.Ordinal))
            .Select(p => (Guid.ParseExact(p[0], "N"), Convert.FromHexString(p[1])))]);

    public void Dispose() => _workers.Dispose();

    private static bool IsHash(string text) => text.Length == SHA256.HashSizeInBytes * 2 && text.All(char.IsAsciiHexDigitLower);

    private static long? LengthOf(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : null;

    private IEnumerable<string> Names(string folder)
    {
        var path = Path.Combine(root, folder);
        return Directory.Exists(path) ? Directory.EnumerateFiles(path).Select(f => Path.GetFileName(f)) : [];
    }

    private Task<object?> RemoveAsync(string path) => OnDiskAsync(() =>
    {
        if (File.Exists(path))
        {
            File.Delete(path);
        }
    });

    /// <summary>A folder that was made is there after a loss of power before anything is put into it.</summary>
    private void MakeFolder(string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        var parent = Path.GetDirectoryName(path)!;
        if (path.Length > root.Length)
        {
            MakeFolder(parent);
        }

        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
        }

        sync.Folder(parent);
    }

    private static void Protect(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, OwnerOnly);
        }
    }

    private Task<object?> OnDiskAsync(Action work) => OnDiskAsync<object?>(() =>
    {
        work();
        return null;
    });

    /// <exception cref="StorageUnavailableException">The disk refused.</exception>
    private async Task<T> OnDiskAsync<T>(Func<T> work)
    {
        await _workers.WaitAsync();
        try
        {
            return await Task.Run(work);
        }
        // The framework says ArgumentOutOfRangeException for EFBIG: a limit on the size of files.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            throw new StorageUnavailableException(e);
        }
        finally
        {
            _workers.Release();
        }
    }
}
