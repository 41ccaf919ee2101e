using Kpm.Server.Accounts.Events;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

public sealed class ListAuditLogTests
{
    [Fact]
    public async Task The_events_of_one_account_come_newest_first_page_by_page_and_prove_themselves()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        using var other = await server.CreateActiveAsync();
        for (var i = 0; i < 5; i++)
        {
            await maria.ViewAsync(owner);
            await maria.ViewAsync(other);
        }

        var pages = new List<ListAuditLogResponse>();
        do
        {
            pages.Add(await maria.Client.ListAuditLogAsync(
                new ListAuditLogRequest { AccountId = owner.Account!.AccountId, PageSize = 2, PageToken = pages.LastOrDefault()?.NextPageToken ?? "" }, maria.Call));
        }
        while (pages[^1].NextPageToken.Length > 0);

        var events = pages.SelectMany(p => p.Events).Reverse().ToList();
        Assert.All(pages.SkipLast(1), p => Assert.Equal(2, p.Events.Count));
        Assert.Equal(Enumerable.Range(1, events.Count).Select(n => (ulong)n), events.Select(e => e.Seq));
        Assert.Equal(5, events.Count(e => e.Kind == SecurityEventKind.AccountViewed));
        var hash = new byte[AuditChain.HashBytes];
        foreach (var e in events)
        {
            var note = new SecurityNote(e.Kind, e.Actor, e.DeviceId.Length > 0 ? Guid.Parse(e.DeviceId) : null, e.Detail);
            hash = AuditChain.Next(hash, owner.AccountId, e.Seq, e.Time.ToDateTimeOffset(), note);
            Assert.Equal(hash, e.Hash.ToByteArray());
        }

        await Refused.WithAsync(
            ErrorReason.InvalidRequest,
            maria.Client.ListAuditLogAsync(new ListAuditLogRequest { AccountId = other.Account!.AccountId, PageToken = pages[0].NextPageToken }, maria.Call));
        await Refused.WithAsync(ErrorReason.NotFound, maria.Client.ListAuditLogAsync(new ListAuditLogRequest { AccountId = SupportSteps.NewId() }, maria.Call));
    }

    [Fact]
    public async Task Reading_it_is_no_event()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        var before = Snapshot.Of(server.Database)["security_event"];

        await maria.EventsAsync(owner);

        Assert.Equal(before, Snapshot.Of(server.Database)["security_event"]);
    }
}
