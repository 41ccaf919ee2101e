using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Attachments;

/// <summary>An attachment stays for as long as a kept revision names it, and a while longer; then row, file and quota go together.</summary>
public sealed class AttachmentRetentionTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromHours(24);
    private static readonly TimeSpan Sweep = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task What_no_item_names_is_removed_after_a_day_and_what_one_names_is_not()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var named = await server.AttachAsync(device, 1000);
        var unnamed = await server.AttachAsync(device, 500);
        await server.PushAsync(device, device.PutWith(Guid.CreateVersion7(), 0, named));

        time.Advance(Grace - Sweep);
        device = await server.ReconnectAsync(device);
        Assert.True((await server.StatusAsync(device, unnamed)).Complete);
        time.Advance(Sweep * 2);

        await Eventually.TrueAsync(() => server.AttachmentFiles().Count == 1);
        device = await server.ReconnectAsync(device);
        await Refused.WithAsync(ErrorReason.NotFound, () => server.StatusAsync(device, unnamed));
        await Refused.WithAsync(ErrorReason.NotFound, () => server.Vault.DownloadAsync(device, unnamed));
        Assert.Equal(named.Bytes, await server.Vault.DownloadAsync(device, named));
        Assert.Equal(1000UL, (await server.UsageOfAsync(device)).AttachmentBytes);
        Assert.Equal(RejectionReason.AttachmentMissing, (await server.PushAsync(device, device.PutWith(Guid.CreateVersion7(), 0, unnamed))).Rejected.Reason);
    }

    [Fact]
    public async Task An_upload_that_is_not_finished_within_a_week_is_removed()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var begun = TestAttachment.OfSize(1000);
        await server.Vault.UploadAsync(device, begun, to: 400);

        time.Advance(TimeSpan.FromDays(7) - Sweep);
        Assert.Equal(400UL, (await server.StatusAsync(await server.ReconnectAsync(device), begun)).Received);
        time.Advance(Sweep * 2);

        await Eventually.TrueAsync(() => server.AttachmentFiles().Count == 0 && Snapshot.Rows(server.Database, "attachment") == 0);
        device = await server.ReconnectAsync(device);
        Assert.Equal(0UL, (await server.UsageOfAsync(device)).AttachmentBytes);
        Assert.True((await server.Vault.UploadAsync(device, begun)).Complete);
    }

    [Fact]
    public async Task Old_revisions_keep_their_attachments_until_they_are_pruned()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        var first = await server.AttachAsync(device, 100);
        var always = await server.AttachAsync(device, 200);
        await server.PushAsync(device, device.PutWith(item, 0, first, always));
        await server.PushAsync(device, Enumerable.Range(1, 19).Select(rev => device.PutWith(item, (ulong)rev, always)), atomic: false);
        time.Advance(Grace + Sweep);
        device = await server.ReconnectAsync(device);

        // Twenty revisions are kept, the first among them.
        Assert.Equal(first.Bytes, await server.Vault.DownloadAsync(device, first));
        Assert.Null((await server.StatusAsync(device, first)).ExpiresAt);
        await server.PushAsync(device, device.PutWith(item, 20, always));
        Assert.Equal(server.Time.GetUtcNow() + Grace, (await server.StatusAsync(device, first)).ExpiresAt.ToDateTimeOffset());
        Assert.Null((await server.StatusAsync(device, always)).ExpiresAt);

        time.Advance(Grace + Sweep);
        await Eventually.TrueAsync(() => server.AttachmentFiles().Count == 1);
        device = await server.ReconnectAsync(device);
        await Refused.WithAsync(ErrorReason.NotFound, () => server.StatusAsync(device, first));
        Assert.Equal(always.Bytes, await server.Vault.DownloadAsync(device, always));
        Assert.Equal(200UL, (await server.UsageOfAsync(device)).AttachmentBytes);
    }

    [Fact]
    public async Task The_revision_that_prunes_the_last_one_to_name_an_attachment_can_name_it_again()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        var attachment = await server.AttachAsync(device);
        await server.PushAsync(device, device.PutWith(item, 0, attachment));
        await server.PushAsync(device, Enumerable.Range(1, 19).Select(rev => device.Author.Put(item, (ulong)rev)), atomic: false);

        await server.PushAsync(device, device.PutWith(item, 20, attachment));

        Assert.Null((await server.StatusAsync(device, attachment)).ExpiresAt);
        Assert.Equal(1, Snapshot.Rows(server.Database, "attachment_ref"));
    }

    [Fact]
    public async Task The_trash_keeps_attachments_and_what_is_brought_back_has_them()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var (gone, back) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var (first, second) = (await server.AttachAsync(device, 100), await server.AttachAsync(device, 200));
        await server.PushAsync(device, [device.PutWith(gone, 0, first), device.PutWith(back, 0, second), device.Author.Delete(gone, 1), device.Author.Delete(back, 1)], atomic: true);
        time.Advance(TimeSpan.FromDays(29));
        device = await server.ReconnectAsync(device);
        Assert.Equal(first.Bytes, await server.Vault.DownloadAsync(device, first));
        Assert.NotNull((await server.PushAsync(device, device.PutWith(back, 2, second))).Applied);

        time.Advance(TimeSpan.FromDays(1) + Sweep);
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "trash") == 0);
        device = await server.ReconnectAsync(device);
        Assert.NotNull((await server.StatusAsync(device, first)).ExpiresAt);
        time.Advance(Grace + Sweep);
        await Eventually.TrueAsync(() => server.AttachmentFiles().Count == 1);

        device = await server.ReconnectAsync(device);
        Assert.Equal(second.Bytes, await server.Vault.DownloadAsync(device, second));
        Assert.Equal(200UL, (await server.UsageOfAsync(device)).AttachmentBytes);
    }

    [Fact]
    public async Task Two_attachments_with_one_content_share_the_file_until_both_are_gone()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var first = await server.AttachAsync(device, 1000);
        var second = new TestAttachment(first.Bytes);
        await server.Vault.UploadAsync(device, second);
        await server.PushAsync(device, device.PutWith(Guid.CreateVersion7(), 0, second));

        time.Advance(Grace + Sweep);
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "attachment") == 1);

        device = await server.ReconnectAsync(device);
        Assert.Equal(second.Bytes, await server.Vault.DownloadAsync(device, second));
        await Refused.WithAsync(ErrorReason.NotFound, () => server.StatusAsync(device, first));
    }

    [Fact]
    public async Task An_account_that_is_deleted_takes_its_files_along_and_nobody_elses()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var owner = await server.EnrolAsync();
        var attachment = await server.AttachAsync(owner, 1000);
        await server.PushAsync(owner, owner.PutWith(Guid.CreateVersion7(), 0, attachment));
        await server.Vault.UploadAsync(owner, TestAttachment.OfSize(300), to: 100);
        var other = await server.EnrolAsync();
        var same = new TestAttachment(attachment.Bytes, attachment.Id);
        await server.Vault.UploadAsync(other, same);
        await server.PushAsync(other, other.PutWith(Guid.CreateVersion7(), 0, same));
        Assert.Equal(3, server.AttachmentFiles().Count);

        await server.Accounts.DeleteAccountAsync(new DeleteAccountRequest { RequestId = Guid.CreateVersion7().ToString(), Reauthentication = new Reauthentication { Password = AccountSteps.Password } }, owner.Call);
        time.Advance(server.Limits.DeletionGrace + Sweep);
        // The account's own job empties its tables, and the next round removes the files.
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "removed_vault") == 0 && Snapshot.Rows(server.Database, "account") == 1);
        time.Advance(Sweep);

        await Eventually.TrueAsync(() => server.AttachmentFiles().Count == 1);
        var removed = Convert.ToHexString(owner.Session.AccountId.ToBytes());
        foreach (var table in new[] { "attachment", "attachment_ref", "trash", "vault" })
        {
            Assert.DoesNotContain(removed, Snapshot.Of(server.Database)[table], StringComparison.Ordinal);
        }

        Assert.Equal(same.Bytes, await server.Vault.DownloadAsync(await server.ReconnectAsync(other), same));
    }

    [Fact]
    public async Task Files_that_a_crash_has_left_without_a_row_are_removed_at_the_start()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var kept = await server.AttachAsync(device, 1000);
        await server.Vault.UploadAsync(device, TestAttachment.OfSize(100), to: 10);
        var known = server.AttachmentFiles();
        var account = device.Session.AccountId;
        string[] strays = [$"incoming/{account:N}.{Guid.CreateVersion7():N}", $"incoming/{Guid.CreateVersion7():N}.{kept.Id:N}", $"ab/{account:N}.ab{new string('0', 62)}", $"cd/{Guid.CreateVersion7():N}.cd{new string('0', 62)}"];
        string[] foreign = ["README", "ab/notes.txt", "ab/" + new string('0', 32) + ".xyz", "incoming/.hidden"];
        foreach (var file in strays.Concat(foreign))
        {
            var path = Path.Combine(server.AttachmentFolder(), file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await File.WriteAllTextAsync(path, "stray", TestContext.Current.CancellationToken);
        }

        await server.RestartAsync();

        await Eventually.TrueAsync(() => server.AttachmentFiles().SequenceEqual(known.Concat(foreign).Order(StringComparer.Ordinal)));
        Assert.Equal(kept.Bytes, await server.Vault.DownloadAsync(device, kept));
    }

    [Fact]
    public async Task Strays_are_looked_for_while_the_server_runs_too()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        await server.AttachAsync(await server.EnrolAsync(), 100);
        var path = Path.Combine(server.AttachmentFolder(), "ff", $"{Guid.CreateVersion7():N}.ff{new string('0', 62)}");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, "stray", TestContext.Current.CancellationToken);

        // One folder a minute.
        await Eventually.TrueAsync(() =>
        {
            time.Advance(server.Limits.SweepInterval);
            return !File.Exists(path);
        });
        Assert.Single(server.AttachmentFiles());
    }

    [Fact]
    public async Task A_file_that_is_lost_or_spoiled_can_be_uploaded_again_under_the_same_id()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var lost = await server.AttachAsync(device, 1000);
        await server.PushAsync(device, device.PutWith(Guid.CreateVersion7(), 0, lost));
        File.Delete(Path.Combine(server.AttachmentFolder(), Assert.Single(server.AttachmentFiles())));

        var status = await server.StatusAsync(device, lost);
        Assert.Equal((0UL, false), (status.Received, status.Complete));
        await Refused.WithAsync(ErrorReason.NotFound, () => server.Vault.DownloadAsync(device, lost));
        Assert.True((await server.Vault.UploadAsync(device, lost)).Complete);
        Assert.Equal(lost.Bytes, await server.Vault.DownloadAsync(device, lost));
        Assert.Null((await server.StatusAsync(device, lost)).ExpiresAt);

        // A second attachment with the content does not take over bytes that are not what they should be.
        var path = Path.Combine(server.AttachmentFolder(), Assert.Single(server.AttachmentFiles()));
        await File.WriteAllBytesAsync(path, new byte[1000], TestContext.Current.CancellationToken);
        var second = new TestAttachment(lost.Bytes);
        Assert.False((await server.Vault.UploadAsync(device, second, to: 0)).Complete);
        Assert.True((await server.Vault.UploadAsync(device, second)).Complete);
        Assert.Equal(lost.Bytes, await server.Vault.DownloadAsync(device, second));
        Assert.Equal(lost.Bytes, await server.Vault.DownloadAsync(device, lost));
    }

    [Fact]
    public async Task A_named_attachment_whose_new_bytes_are_wrong_stays_named()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = await server.AttachAsync(device, 1000);
        await server.PushAsync(device, device.PutWith(Guid.CreateVersion7(), 0, attachment));
        File.Delete(Path.Combine(server.AttachmentFolder(), Assert.Single(server.AttachmentFiles())));
        var wrong = attachment.Chunk(0, 1000);
        wrong.Data = Google.Protobuf.ByteString.CopyFrom(new byte[1000]);

        await Refused.WithAsync(ErrorReason.AttachmentMismatch, server.Vault.PutAttachmentChunkAsync(wrong, device.Call));

        Assert.Equal(0UL, (await server.StatusAsync(device, attachment)).Received);
        Assert.Equal(1000UL, (await server.UsageOfAsync(device)).AttachmentBytes);
        Assert.True((await server.Vault.UploadAsync(device, attachment)).Complete);
    }
}
