using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Attachments;

/// <summary>An item can name only what is there.</summary>
public sealed class AttachmentReferenceTests
{
    [Fact]
    public async Task What_is_not_whole_can_not_be_named_and_the_refusal_is_durable()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var whole = await server.AttachAsync(device);
        var begun = TestAttachment.OfSize(10);
        await server.Vault.UploadAsync(device, begun, to: 9);
        var item = Guid.CreateVersion7();

        var refused = device.PutWith(item, 0, whole, begun);
        Assert.Equal(RejectionReason.AttachmentMissing, (await server.PushAsync(device, refused)).Rejected.Reason);
        Assert.Equal(RejectionReason.AttachmentMissing, (await server.PushAsync(device, device.PutWith(item, 0, TestAttachment.OfSize(1)))).Rejected.Reason);
        Assert.True((await server.Vault.UploadAsync(device, begun, 9)).Complete);

        // It consumed its op_seq: the same bytes get the same answer, new ones are applied.
        Assert.Equal(RejectionReason.AttachmentMissing, (await server.PushAsync(device, refused)).Rejected.Reason);
        Assert.Equal(0, Snapshot.Rows(server.Database, "attachment_ref"));
        Assert.NotNull((await server.PushAsync(device, device.PutWith(item, 0, whole, begun))).Applied);
        Assert.Equal(2, Snapshot.Rows(server.Database, "attachment_ref"));
        await server.RestartAsync();
        Assert.Equal(RejectionReason.AttachmentMissing, (await server.PushAsync(device, refused)).Rejected.Reason);
    }

    [Fact]
    public async Task An_atomic_push_with_a_missing_one_names_nothing()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var whole = await server.AttachAsync(device);

        var results = (await server.PushAsync(device, [device.PutWith(Guid.CreateVersion7(), 0, whole), device.PutWith(Guid.CreateVersion7(), 0, TestAttachment.OfSize(1))], atomic: true)).Results;

        Assert.Equal([RejectionReason.AtomicAborted, RejectionReason.AttachmentMissing], results.Select(r => r.Rejected.Reason));
        Assert.Equal(0, Snapshot.Rows(server.Database, "attachment_ref"));
        Assert.NotNull((await server.StatusAsync(device, whole)).ExpiresAt);
    }

    [Fact]
    public async Task What_was_named_after_the_job_had_found_it_is_not_removed()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = await server.AttachAsync(device);
        await server.PushAsync(device, device.PutWith(Guid.CreateVersion7(), 0, attachment));
        var store = (Kpm.Server.Vaults.Attachments.IAttachmentStore)server.Services.GetService(typeof(Kpm.Server.Vaults.Attachments.IAttachmentStore))!;

        Assert.Null(await store.RemoveExpiredAsync(device.Session.AccountId, attachment.Id, DateTimeOffset.MaxValue, TestContext.Current.CancellationToken));

        Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(device, attachment));
    }

    [Fact]
    public async Task A_conflict_comes_before_it()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, device.Author.Put(item, 0));

        Assert.Equal(1UL, (await server.PushAsync(device, device.PutWith(item, 0, TestAttachment.OfSize(1)))).Conflict.Rev);
    }

    [Fact]
    public async Task A_push_and_the_job_that_removes_agree()
    {
        // The attachment has expired: whichever comes first, an item never names what is gone.
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { SweepBatch = 5 } });
        var device = await server.EnrolAsync();
        var attachments = new List<TestAttachment>();
        for (var i = 0; i < 40; i++)
        {
            attachments.Add(await server.AttachAsync(device, 100 + i));
        }

        time.Advance(server.Limits.AttachmentGrace - server.Limits.SweepInterval);
        device = await server.ReconnectAsync(device);
        await server.PushAsync(device, device.PutWith(Guid.CreateVersion7(), 0, attachments[0]));
        time.Advance(server.Limits.SweepInterval * 2);
        var results = await Task.WhenAll(attachments.AsEnumerable().Reverse().Select(a => server.PushAsync(device, device.PutWith(Guid.CreateVersion7(), 0, a))));
        await Eventually.TrueAsync(() => server.Database.Read(c => Dapper.SqlMapper.QuerySingle<int>(c, "SELECT count(*) FROM attachment WHERE expires_at IS NOT NULL")) == 0);

        var applied = attachments.AsEnumerable().Reverse().Zip(results).Where(r => r.Second.Applied is not null).Select(r => r.First).ToList();
        Assert.Contains(attachments[0], applied);
        Assert.All(results.Where(r => r.Applied is null), r => Assert.Contains(r.Rejected.Reason, new[] { RejectionReason.AttachmentMissing, RejectionReason.ResultForgotten }));
        foreach (var attachment in applied)
        {
            Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(device, attachment));
        }

        Assert.Equal((ulong)applied.Sum(a => a.Bytes.Length), (await server.UsageOfAsync(device)).AttachmentBytes);
        Assert.Equal(applied.Count, server.AttachmentFiles().Count);
    }
}
