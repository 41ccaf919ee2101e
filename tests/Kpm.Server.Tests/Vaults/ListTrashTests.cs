using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>What was deleted can be brought back for 30 days, and is gone for good after.</summary>
public sealed class ListTrashTests
{
    private static readonly TimeSpan Retention = TimeSpan.FromDays(30);

    [Fact]
    public async Task Deleted_items_are_listed_newest_first_with_what_can_be_had_back()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var (first, second, kept) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await server.PushAsync(device, [device.Author.Put(first, 0, new byte[100]), device.Author.Put(first, 1, new byte[50]), device.Author.Put(second, 0, new byte[70]), device.Author.Put(kept, 0)], atomic: false);
        await server.PushAsync(device, device.Author.Delete(first, 2));
        var deletedAt = server.Time.GetUtcNow();
        time.Advance(TimeSpan.FromMinutes(5));
        await server.PushAsync(device, device.Author.Delete(second, 1));

        var trash = await TrashAsync(server, device);

        Assert.Equal([(second.ToWire(), 2UL, 1UL, 70UL), (first.ToWire(), 3, 2, 150)], trash.Select(t => (t.ItemId, t.Rev, t.RestorableRev, t.Bytes)));
        Assert.Equal((deletedAt, deletedAt + Retention), (trash[1].DeletedAt.ToDateTimeOffset(), trash[1].PurgesAt.ToDateTimeOffset()));
        Assert.Empty(await TrashAsync(server, await server.EnrolAsync()));
    }

    [Fact]
    public async Task A_put_on_the_tombstone_brings_an_item_back_and_it_can_be_deleted_again()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, [device.Author.Put(item, 0, new byte[100]), device.Author.Delete(item, 1)], atomic: true);
        var trashed = Assert.Single(await TrashAsync(server, device));
        var old = (await server.Vault.GetRevisionAsync(new GetRevisionRequest { ItemId = item.ToWire(), Rev = trashed.RestorableRev }, device.Call)).Revision;

        Assert.NotNull((await server.PushAsync(device, device.Author.Put(item, trashed.Rev, old.Envelope.ToByteArray()))).Applied);

        Assert.Empty(await TrashAsync(server, device));
        await server.PushAsync(device, device.Author.Delete(item, 3));
        Assert.Equal((4UL, 3UL, 200UL), Assert.Single((await TrashAsync(server, device)).Select(t => (t.Rev, t.RestorableRev, t.Bytes))));
    }

    [Fact]
    public async Task What_is_deleted_and_brought_back_in_one_push_is_not_in_the_trash()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var (item, aborted) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await server.PushAsync(device, [device.Author.Put(item, 0), device.Author.Delete(item, 1), device.Author.Put(item, 2)], atomic: true);
        await server.PushAsync(device, device.Author.Put(aborted, 0));
        await server.PushAsync(device, [device.Author.Delete(aborted, 1), device.Author.Put(item, 1)], atomic: true);

        Assert.Empty(await TrashAsync(server, device));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public async Task Pages_join_without_a_gap(int size)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var items = Enumerable.Range(0, 7).Select(_ => Guid.CreateVersion7()).ToList();
        await server.PushAsync(device, items.Select(i => device.Author.Put(i, 0)), atomic: false);
        await server.PushAsync(device, items.Select(i => device.Author.Delete(i, 1)), atomic: false);
        var request = new ListTrashRequest { PageSize = size };
        var seen = new List<string>();
        do
        {
            var page = await server.Vault.ListTrashAsync(request, device.Call);
            Assert.InRange(page.Items.Count, 1, size);
            seen.AddRange(page.Items.Select(i => i.ItemId));
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);

        Assert.Equal(items.Select(i => i.ToWire()).Reverse(), seen);
    }

    [Fact]
    public async Task After_thirty_days_the_envelopes_are_gone_and_the_quota_is_given_back()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var (item, restored, later) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await server.PushAsync(device, [device.Author.Put(item, 0, new byte[100]), device.Author.Put(item, 1, new byte[50]), device.Author.Delete(item, 2)], atomic: false);
        await server.PushAsync(device, [device.Author.Put(restored, 0, new byte[30]), device.Author.Delete(restored, 1), device.Author.Put(later, 0, new byte[7])], atomic: false);
        time.Advance(TimeSpan.FromHours(1));
        device = await server.ReconnectAsync(device);
        await server.PushAsync(device, [device.Author.Put(restored, 2, new byte[20]), device.Author.Delete(later, 1)], atomic: false);
        Assert.Equal(200UL + 150 + 50 + 7, (await server.UsageOfAsync(device)).Bytes);

        time.Advance(Retention - TimeSpan.FromHours(1) - TimeSpan.FromMinutes(1));
        Assert.Equal(2, (await TrashAsync(server, await server.ReconnectAsync(device))).Count);
        time.Advance(TimeSpan.FromMinutes(2));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "trash") == 1);

        device = await server.ReconnectAsync(device);
        Assert.Equal(later.ToWire(), Assert.Single(await TrashAsync(server, device)).ItemId);
        Assert.Equal(200UL + 50 + 7, (await server.UsageOfAsync(device)).Bytes);
        var log = server.Log(device);
        Assert.Equal([1UL, 2], log.Where(c => c.SubjectId == item.ToWire() && c.Superseded).Select(c => c.Rev));
        Assert.DoesNotContain(log, c => c.SubjectId != item.ToWire() && c.Superseded);

        // The tombstone stays, and the item can still be written again.
        Assert.Equal(4UL, (await server.PushAsync(device, device.Author.Put(item, 3, [1]))).Applied.Rev);
        Assert.Equal(200UL + 50 + 7 + 1, (await server.UsageOfAsync(device)).Bytes);
    }

    [Fact]
    public async Task An_item_that_was_deleted_again_has_its_thirty_days_anew()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, [device.Author.Put(item, 0, new byte[100]), device.Author.Delete(item, 1)], atomic: false);
        time.Advance(TimeSpan.FromDays(20));
        device = await server.ReconnectAsync(device);
        await server.PushAsync(device, [device.Author.Put(item, 2, new byte[10]), device.Author.Delete(item, 3)], atomic: false);
        var again = server.Time.GetUtcNow();

        time.Advance(TimeSpan.FromDays(15));
        device = await server.ReconnectAsync(device);

        var trashed = Assert.Single(await TrashAsync(server, device));
        Assert.Equal((110UL, again + Retention), (trashed.Bytes, trashed.PurgesAt.ToDateTimeOffset()));
    }

    [Fact]
    public async Task A_large_trash_of_several_accounts_is_emptied_in_steps()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { SweepBatch = 3 } });
        var devices = new[] { await server.EnrolAsync(), await server.EnrolAsync() };
        foreach (var device in devices)
        {
            var items = Enumerable.Range(0, 20).Select(_ => Guid.CreateVersion7()).ToList();
            await server.PushAsync(device, items.Select(i => device.Author.Put(i, 0, new byte[10])), atomic: false);
            await server.PushAsync(device, items.Select(i => device.Author.Delete(i, 1)), atomic: false);
        }

        time.Advance(Retention + TimeSpan.FromMinutes(2));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "trash") == 0);

        foreach (var device in devices)
        {
            Assert.Equal(200UL, (await server.UsageOfAsync(await server.ReconnectAsync(device))).Bytes);
        }
    }

    private static async Task<IReadOnlyList<TrashedItem>> TrashAsync(TestServer server, VaultDevice device) => (await server.Vault.ListTrashAsync(new ListTrashRequest(), device.Call)).Items;
}
