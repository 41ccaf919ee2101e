using System.Security.Cryptography;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.Client.Sync;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>What happens to a vault over the years: files, earlier revisions, lost devices, new keys, a restored backup.</summary>
public sealed class VaultLifeTests(RealServer server) : IClassFixture<RealServer>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static async Task<OpenVault> SignInAsync(KpmClient device, string email)
    {
        await RealServer.SignInAsync(device, email, Cancellation);
        return await device.UnlockAsync(RealServer.MainPasswordText, Cancellation);
    }

    private static Task SyncAsync(OpenVault vault) => vault.SyncAsync(_ => { }, Cancellation);

    private static void Edit(OpenVault vault, Guid id, Action<Item> change)
    {
        var found = vault.Find(id)!;
        var edited = found.Item!.Clone();
        change(edited);
        Assert.True(vault.Edit(found, edited));
    }

    private static async Task<Guid> DocumentAsync(OpenVault vault)
    {
        var id = vault.Add(new Item { Name = "Passport", Document = new Document { DocumentType = "passport" } });
        await SyncAsync(vault);
        return id;
    }

    private static async Task<Attachment> AttachAsync(OpenVault vault, Guid id, byte[] content, IProgress<TransferProgress>? progress = null)
    {
        var file = await vault.Attachments.UploadAsync(id, new MemoryStream(content), "scan.pdf", "application/pdf", progress, Cancellation);
        Edit(vault, id, item => item.Document.Files.Add(file));
        await SyncAsync(vault);
        return file;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(AttachmentCipher.ChunkSize)]
    [InlineData((2 * AttachmentCipher.ChunkSize) + 77)]
    public async Task A_file_of_one_device_is_read_on_another(int length)
    {
        using var first = server.Device();
        var (email, one) = await server.AccountAsync(first, Cancellation);
        var id = await DocumentAsync(one);
        var content = RandomNumberGenerator.GetBytes(length);
        var sent = await AttachAsync(one, id, content);
        using var second = server.Device();
        using var two = await SignInAsync(second, email);
        var file = Assert.Single(two.Find(id)!.Item!.Document.Files);
        Assert.Equal(sent, file);
        var path = server.NewFile(".pdf");
        await two.Attachments.SaveAsync(id, file, path, null, Cancellation);
        Assert.Equal(content, await File.ReadAllBytesAsync(path, Cancellation));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }

        // What is there is not overwritten.
        await Assert.ThrowsAnyAsync<IOException>(() => two.Attachments.SaveAsync(id, file, path, null, Cancellation));
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(path)!, "*.part"));

        // Bound to its item: the same file can't be passed off as another item's.
        await Assert.ThrowsAsync<Kpm1Exception>(() => two.Attachments.SaveAsync(Guid.NewGuid(), file, path + ".other", null, Cancellation));
        Assert.False(File.Exists(path + ".other"));
    }

    [Fact]
    public async Task Transfers_go_on_where_a_killed_server_broke_them_off()
    {
        await using var own = new RealServer();
        await own.InitializeAsync();
        var folder = own.NewFolder();
        using var device = own.Device(folder);
        var (_, vault) = await own.AccountAsync(device, Cancellation);
        var id = await DocumentAsync(vault);
        var content = RandomNumberGenerator.GetBytes((40 * AttachmentCipher.ChunkSize) + 5);
        var (up, interruption) = Interrupted(own);
        var file = await AttachAsync(vault, id, content, up);
        await interruption;
        Assert.Empty(Directory.GetFiles(folder, "upload-*"));
        var (down, second) = Interrupted(own);
        var path = own.NewFile(".pdf");
        await vault.Attachments.SaveAsync(id, file, path, down, Cancellation);
        await second;
        Assert.Equal(SHA256.HashData(content), SHA256.HashData(await File.ReadAllBytesAsync(path, Cancellation)));
    }

    /// <summary>Kills the server once a fifth is over, and starts it again.</summary>
    private static (IProgress<TransferProgress> Progress, Task Interruption) Interrupted(RealServer server)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        async Task RunAsync()
        {
            await reached.Task.WaitAsync(Patience, Cancellation);
            await server.KillAsync();
            await server.StartAsync();
        }

        return (new AtOnce(value => _ = value.Done > value.Total / 5 && reached.TrySetResult()), RunAsync());
    }

    private sealed class AtOnce(Action<TransferProgress> report) : IProgress<TransferProgress>
    {
        public void Report(TransferProgress value) => report(value);
    }

    [Fact]
    public async Task A_file_that_the_server_has_changed_is_never_written()
    {
        await using var own = new RealServer();
        await own.InitializeAsync();
        using var device = own.Device();
        var (_, vault) = await own.AccountAsync(device, Cancellation);
        var id = await DocumentAsync(vault);
        var file = await AttachAsync(vault, id, RandomNumberGenerator.GetBytes(3 * AttachmentCipher.ChunkSize));
        var stored = Directory.GetFiles(Path.Combine(own.DataFolder, "attachments"), "*", SearchOption.AllDirectories).Single(path => new FileInfo(path).Length > AttachmentCipher.ChunkSize);
        await using (var stream = new FileStream(stored, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            stream.Position = stream.Length - 100;
            var value = stream.ReadByte();
            stream.Position--;
            stream.WriteByte((byte)(value ^ 1));
        }

        var path = own.NewFile(".pdf");
        Assert.Equal(Kpm1Error.DecryptionFailed, (await Assert.ThrowsAsync<Kpm1Exception>(() => vault.Attachments.SaveAsync(id, file, path, null, Cancellation))).Error);
        Assert.False(File.Exists(path));
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(path)!, "*.part"));

        // Nor one of another length than the item says.
        var longer = file.Clone();
        longer.Length += AttachmentCipher.ChunkSize;
        longer.ChunkCount++;
        Assert.Equal(Kpm1Error.AttachmentInvalid, (await Assert.ThrowsAsync<Kpm1Exception>(() => vault.Attachments.SaveAsync(id, longer, path, null, Cancellation))).Error);
    }

    [Fact]
    public async Task Earlier_revisions_and_deleted_items_come_back()
    {
        using var device = server.Device();
        var (_, vault) = await server.AccountAsync(device, Cancellation);
        var id = vault.Add(new Item { Name = "one", Note = new Note() });
        await SyncAsync(vault);
        Edit(vault, id, item => item.Name = "two");
        await SyncAsync(vault);
        vault.Remove(id);
        await SyncAsync(vault);
        var revisions = await vault.Revisions.ListAsync(id, Cancellation);
        Assert.Equal([(3UL, true, false), (2UL, false, true), (1UL, false, true)], revisions.Select(revision => (revision.Rev, revision.IsDeletion, revision.IsKept)));
        Assert.All(revisions, revision => Assert.Equal(device.DeviceId, revision.Device));
        Assert.Equal("one", (await vault.Revisions.GetAsync(id, 1, Cancellation))!.Name);
        Assert.Null(await vault.Revisions.GetAsync(id, 3, Cancellation));
        var trashed = Assert.Single(await vault.Revisions.ListTrashAsync(Cancellation));
        Assert.Equal((id, 2UL, "two", true), (trashed.Id, trashed.RestorableRev, trashed.Item!.Name, trashed.PurgesAt > trashed.DeletedAt));
        Assert.True(vault.Revisions.Undelete(id, trashed.Item));
        Assert.False(vault.Revisions.Undelete(id, trashed.Item));
        await SyncAsync(vault);
        Assert.Equal(("two", 4UL), (vault.Find(id)!.Item!.Name, vault.Find(id)!.Rev));
        Assert.Empty(await vault.Revisions.ListTrashAsync(Cancellation));
    }

    [Fact]
    public async Task A_lost_device_is_revoked_and_the_others_go_on_with_new_keys()
    {
        using var first = server.Device();
        var (email, one) = await server.AccountAsync(first, Cancellation);
        var id = one.Add(new Item { Name = "before", Note = new Note() });
        await SyncAsync(one);
        using var second = server.Device();
        using var two = await SignInAsync(second, email);
        var lostFolder = server.NewFolder();
        Guid lostId;
        using (var lost = server.Device(lostFolder))
        {
            lostId = lost.DeviceId;
            (await SignInAsync(lost, email)).Dispose();
        }

        await first.Devices.RevokeAsync(lostId, Cancellation);
        await Assert.ThrowsAsync<Kpm1Exception>(() => one.RekeyAsync("wrong", null, [lostId], _ => { }, Cancellation));
        Assert.Equal(1u, one.Status().KeyEpoch);
        await one.RekeyAsync(RealServer.MainPasswordText, null, [lostId], _ => { }, Cancellation);
        Assert.Equal((2u, 2), (one.Status().KeyEpoch, one.Status().Devices));
        one.Add(new Item { Name = "after", Note = new Note() });
        await SyncAsync(one);
        var events = new List<SyncEvent>();
        await two.SyncAsync(events.Add, Cancellation);
        Assert.Contains(new SyncEvent.Rekeyed(2, Adopted: true), events);
        Assert.Equal(["after", "before"], two.List().Select(item => item.Item!.Name).Order(StringComparer.Ordinal));
        Edit(two, id, item => item.Notes = "of the second device");
        await SyncAsync(two);
        await SyncAsync(one);
        Assert.Equal("of the second device", one.Find(id)!.Item!.Notes);

        // A device that comes later opens the vault by the main password, all epochs of it.
        using var third = server.Device();
        using var three = await SignInAsync(third, email);
        Assert.Equal((2, 2u, 3), (three.List().Count(item => item.Item is not null), three.Status().KeyEpoch, three.Status().Devices));
        await SyncAsync(one);
        Assert.Equal(3, one.Status().Devices);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_restored_backup_the_device_stops_and_with_consent_brings_back_what_was_lost(bool generationRaised)
    {
        await using var own = new RealServer();
        await own.InitializeAsync();
        using var device = own.Device();
        var (_, vault) = await own.AccountAsync(device, Cancellation);
        var old = vault.Add(new Item { Name = "in the backup", Note = new Note() });
        await SyncAsync(vault);
        await own.KillAsync();
        var backup = own.NewFolder();
        Copy(own.DataFolder, backup);
        await own.StartAsync();
        var lost = vault.Add(new Item { Name = "after the backup", Note = new Note() });
        Edit(vault, old, item => item.Name = "changed after the backup");
        await SyncAsync(vault);
        await own.KillAsync();
        Directory.Delete(own.DataFolder, recursive: true);
        Copy(backup, own.DataFolder);
        if (generationRaised)
        {
            await own.CommandAsync("vaults", "restored");
        }

        await own.StartAsync();
        Assert.Equal(generationRaised ? Kpm1Error.GenerationChanged : Kpm1Error.Rollback, (await Assert.ThrowsAsync<Kpm1Exception>(() => SyncAsync(vault))).Error);
        Assert.Equal(2, vault.List().Count);
        var events = new List<SyncEvent>();
        await vault.AcceptRestoreAsync(events.Add, Cancellation);
        Assert.Equal(new[] { lost, old }.Order(), events.OfType<SyncEvent.Returned>().Select(returned => returned.Subject).Order());
        Assert.Equal(generationRaised ? 2UL : 1UL, vault.Status().Generation);
        Assert.Equal(("after the backup", "changed after the backup", 0), (vault.Find(lost)!.Item!.Name, vault.Find(old)!.Item!.Name, vault.Status().Pending));
        await SyncAsync(vault);
    }

    private static void Copy(string from, string to)
    {
        foreach (var folder in Directory.GetDirectories(from, "*", SearchOption.AllDirectories).Prepend(from))
        {
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        }

        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".sock", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
        }
    }

    [Fact]
    public async Task A_thousand_changes_on_a_device_signs_what_the_vault_is()
    {
        using var first = server.Device();
        var (email, one) = await server.AccountAsync(first, Cancellation);
        for (var i = 0; i < 1000; i++)
        {
            one.Add(new Item { Name = $"item {i}", Note = new Note() });
        }

        await SyncAsync(one);
        var events = new List<SyncEvent>();
        await one.SyncAsync(events.Add, Cancellation);
        Assert.Contains(new SyncEvent.CheckpointPublished(1002), events);
        events.Clear();
        await one.SyncAsync(events.Add, Cancellation);
        Assert.DoesNotContain(events, happened => happened is SyncEvent.CheckpointPublished or SyncEvent.CheckpointRefused);
        var folder = server.NewFolder();
        using var second = server.Device(folder);
        using var two = await SignInAsync(second, email);
        using (var store = LocalStore.Open(folder))
        {
            Assert.Equal((1002L, 1003L), (store.Vault()!.SnapshotSeq, store.Vault()!.Seq));
        }

        Assert.Equal(1000, two.List().Count(item => item.Item is not null));
    }
}
