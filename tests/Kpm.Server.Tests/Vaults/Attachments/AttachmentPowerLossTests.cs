using System.Collections.Concurrent;
using Kpm.Server.Storage.Files;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Storage;
using Kpm.V1;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Win32.SafeHandles;

namespace Kpm.Server.Tests.Vaults.Attachments;

/// <summary>
/// The power fails before and after every sync of an upload. What the disk may hold then is made from what was synced, a server is
/// started on it, and everything that was told before must be true: offsets, and that an attachment is whole.
/// </summary>
public sealed class AttachmentPowerLossTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whenever_the_power_fails_what_was_told_is_true(bool lengthsSurvive)
    {
        using var losses = new TempFolder();
        using var disk = new LosingDisk(losses, lengthsSurvive);
        var attachment = TestAttachment.OfSize((2 * 1024 * 1024) + 300_000);
        VaultDevice device;
        await using (var server = await TestServer.StartAsync(adjust: s => s.Replace(ServiceDescriptor.Singleton<IDiskSync>(disk))))
        {
            device = await server.EnrolAsync();
            disk.Watch(server.Options.DataFolder, device.Session.AccountId, attachment);
            await server.Vault.UploadAsync(device, attachment, to: 1_500_000, piece: 300_000);
            Assert.True((await server.Vault.UploadAsync(device, attachment, 1_500_000, piece: 300_000)).Complete);
            disk.Lose("end");
        }

        Assert.True(disk.Losses.Count > 12, $"{disk.Losses.Count} moments");
        foreach (var loss in disk.Losses)
        {
            await CheckAsync(loss, device, attachment);
        }
    }

    private static async Task CheckAsync(Loss loss, VaultDevice device, TestAttachment attachment)
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Data = loss.Folder });
        if (loss.Told is null)
        {
            await Refused.WithAsync(ErrorReason.NotFound, () => server.StatusAsync(device, attachment));
            Assert.True((await server.Vault.UploadAsync(device, attachment)).Complete);
        }
        else
        {
            var status = await server.StatusAsync(device, attachment);
            Assert.True(status.Received >= loss.Told.Value.Received, $"{loss.Moment}: {loss.Told.Value.Received} were told, {status.Received} are there");
            Assert.True(status.Complete || !loss.Told.Value.Complete, $"{loss.Moment}: told to be whole");
            Assert.True((await server.Vault.UploadAsync(device, attachment, (int)status.Received)).Complete, loss.Moment);
        }

        Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(device, attachment));
        await Eventually.TrueAsync(() => server.AttachmentFiles().Count == 1);
        Assert.Equal((ulong)attachment.Bytes.Length, (await server.UsageOfAsync(device)).AttachmentBytes);
    }

    /// <summary>A data folder as the loss of power at a moment may leave it, and what clients could have been told before.</summary>
    private sealed record Loss(string Moment, string Folder, (ulong Received, bool Complete)? Told);

    /// <summary>
    /// Syncs nothing really, but remembers what would have been. A name that its folder was not synced with is gone, or still the one that
    /// it was renamed from; bytes that were not synced are gone, or zeros where the length survives.
    /// </summary>
    private sealed class LosingDisk(TempFolder losses, bool lengthsSurvive) : IDiskSync, IDisposable
    {
        private readonly ConcurrentDictionary<string, long> _lengths = new(StringComparer.Ordinal);
        private readonly ConcurrentDictionary<string, string[]> _names = new(StringComparer.Ordinal);
        private string? _data;
        private Guid _account;
        private TestAttachment? _attachment;

        public List<Loss> Losses { get; } = [];

        public void Watch(string data, Guid account, TestAttachment attachment) => (_data, _account, _attachment) = (data, account, attachment);

        public void File(SafeFileHandle file, string path)
        {
            Lose("before the sync of the file");
            _lengths[path] = RandomAccess.GetLength(file);
            Lose("after the sync of the file");
        }

        public void Folder(string path)
        {
            Lose("before the sync of " + Path.GetFileName(path));
            _names[path] = [.. Directory.EnumerateFileSystemEntries(path).Select(e => Path.GetFileName(e))];
            Lose("after the sync of " + Path.GetFileName(path));
        }

        public void Lose(string moment)
        {
            if (_data is null)
            {
                return;
            }

            var folder = losses.File($"loss{Losses.Count}");
            Directory.CreateDirectory(folder);
            foreach (var file in new[] { "kpm.db", "kpm.db-wal", "root.key" }.Where(f => System.IO.File.Exists(Path.Combine(_data, f))))
            {
                System.IO.File.Copy(Path.Combine(_data, file), Path.Combine(folder, file));
            }

            CopyWhatIsDurable(Path.Combine(_data, "attachments"), Path.Combine(folder, "attachments"));
            Losses.Add(new Loss($"{Losses.Count} ({moment})", folder, Told(folder)));
        }

        public void Dispose() => SqliteConnection.ClearAllPools();

        private void CopyWhatIsDurable(string from, string to)
        {
            if (!IsDurable(from))
            {
                return;
            }

            var incoming = Path.Combine(from, "incoming", $"{_account:N}.{_attachment!.Id:N}");
            foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
            {
                // A name that was not synced: the rename may be undone.
                var name = IsDurable(file) ? file : incoming;
                if (!IsDurable(name))
                {
                    continue;
                }

                var bytes = System.IO.File.ReadAllBytes(file);
                var durable = (int)Math.Min(_lengths.GetValueOrDefault(incoming), bytes.Length);
                if (lengthsSurvive)
                {
                    Array.Clear(bytes, durable, bytes.Length - durable);
                }
                else
                {
                    bytes = bytes[..durable];
                }

                var path = Path.Combine(to, Path.GetRelativePath(from, name));
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                System.IO.File.WriteAllBytes(path, bytes);
            }
        }

        /// <summary>The name was in its folder when that was synced last, and so were the names of the folders above.</summary>
        private bool IsDurable(string path) => path == _data
            || (_names.TryGetValue(Path.GetDirectoryName(path)!, out var names) && names.Contains(Path.GetFileName(path)) && IsDurable(Path.GetDirectoryName(path)!));

        /// <summary>What GetAttachmentUpload would have told at this moment.</summary>
        private static (ulong, bool)? Told(string folder)
        {
            // A copy of its own: opening it would recover it, and that is the server's part.
            var copy = Directory.CreateDirectory(folder + ".read").FullName;
            foreach (var file in Directory.EnumerateFiles(folder, "kpm.db*"))
            {
                System.IO.File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            }

            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(copy, "kpm.db"), Pooling = false }.ToString());
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT received, completed_at IS NOT NULL FROM attachment";
            using var reader = command.ExecuteReader();
            return reader.Read() ? ((ulong)reader.GetInt64(0), reader.GetInt64(1) != 0) : null;
        }
    }
}
