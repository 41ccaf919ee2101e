using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

public sealed class ListRevisionsTests
{
    [Fact]
    public async Task Revisions_come_newest_first_with_what_they_hold()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        Operation[] operations = [device.Author.Put(item, 0, new byte[400]), device.Author.Put(item, 1, new byte[300]), device.Author.Delete(item, 2), device.Author.Put(item, 3, new byte[200])];
        await server.PushAsync(device, operations, atomic: true);

        var revisions = (await server.Vault.ListRevisionsAsync(new ListRevisionsRequest { ItemId = item.ToWire() }, device.Call)).Revisions;

        Assert.Equal([(4UL, 5UL, OperationKind.Put, 200u), (3, 4, OperationKind.Delete, 0), (2, 3, OperationKind.Put, 300), (1, 2, OperationKind.Put, 400)], revisions.Select(r => (r.Rev, r.Seq, r.Kind, r.EnvelopeBytes)));
        Assert.Equal(operations.Reverse().Select(o => (o.Header, o.Signature)), revisions.Select(r => (r.Header, r.Signature)));
        Assert.Equal(server.Log(device).Skip(1).Reverse().Select(c => c.CommittedAt), revisions.Select(r => r.CommittedAt));
    }

    [Fact]
    public async Task Those_whose_envelope_is_gone_are_listed_with_no_bytes()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, Enumerable.Range(0, 22).Select(rev => device.Author.Put(item, (ulong)rev, new byte[10])), atomic: false);

        var revisions = (await server.Vault.ListRevisionsAsync(new ListRevisionsRequest { ItemId = item.ToWire() }, device.Call)).Revisions;

        Assert.Equal(22, revisions.Count);
        Assert.Equal([2UL, 1], revisions.Where(r => r.EnvelopeBytes == 0).Select(r => r.Rev));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Pages_join_without_a_gap(int size)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, Enumerable.Range(0, 6).Select(rev => device.Author.Put(item, (ulong)rev, [1])), atomic: false);
        var request = new ListRevisionsRequest { ItemId = item.ToWire(), PageSize = size };
        var seen = new List<ulong>();
        do
        {
            var page = await server.Vault.ListRevisionsAsync(request, device.Call);
            Assert.InRange(page.Revisions.Count, 1, size);
            seen.AddRange(page.Revisions.Select(r => r.Rev));
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);

        Assert.Equal([6UL, 5, 4, 3, 2, 1], seen);
    }

    [Fact]
    public async Task A_token_leads_through_one_item_of_one_account()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var stranger = await server.EnrolAsync();
        var (item, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await server.PushAsync(device, [device.Author.Put(item, 0), device.Author.Put(item, 1), device.Author.Put(other, 0), device.Author.Put(other, 1)], atomic: false);
        await server.PushAsync(stranger, stranger.Author.Put(item, 0));
        var token = (await server.Vault.ListRevisionsAsync(new ListRevisionsRequest { ItemId = item.ToWire(), PageSize = 1 }, device.Call)).NextPageToken;

        foreach (var (who, what) in new[] { (device, other), (stranger, item) })
        {
            var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Vault.ListRevisionsAsync(new ListRevisionsRequest { ItemId = what.ToWire(), PageToken = token }, who.Call));
            Assert.Equal(["page_token"], refused.FieldNames);
        }
    }

    [Fact]
    public async Task What_is_no_item_of_the_account_is_not_found()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var stranger = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await server.PushAsync(stranger, stranger.Author.Put(item, 0));
        await server.PushAsync(device, device.Author.Keyset(0));

        // The keyset and the directory are no items: they have rpcs of their own, and the hold looks after those.
        foreach (var id in new[] { item, Guid.CreateVersion7(), device.Session.AccountId, device.Session.DeviceId })
        {
            await Refused.WithAsync(ErrorReason.NotFound, server.Vault.ListRevisionsAsync(new ListRevisionsRequest { ItemId = id.ToWire() }, device.Call));
        }
    }
}
