using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

public sealed class ListSupportCasesTests
{
    [Fact]
    public async Task Open_cases_come_oldest_first_page_by_page_and_over_ones_not()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartWithoutJobsAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        var cases = new List<SupportCase>();
        for (var i = 0; i < 5; i++)
        {
            using var owner = await server.CreateActiveAsync();
            cases.Add(await maria.ProposeRegionAsync(owner, "CH"));
            time.Advance(TimeSpan.FromSeconds(1));
        }

        // Done and still to be undone is open; undone is over.
        cases[1] = await ivan.ApproveRegionAsync(cases[1]);
        await maria.Client.UndoRegionChangeAsync(new UndoRegionChangeRequest { CaseId = (await ivan.ApproveRegionAsync(cases[3])).CaseId, Reason = "x" }, maria.Call);
        cases.RemoveAt(3);

        var pages = new List<ListSupportCasesResponse>();
        do
        {
            pages.Add(await ivan.Client.ListSupportCasesAsync(new ListSupportCasesRequest { PageSize = 3, PageToken = pages.LastOrDefault()?.NextPageToken ?? "" }, ivan.Call));
        }
        while (pages[^1].NextPageToken.Length > 0);

        Assert.Equal([3, 1], pages.Select(p => p.Cases.Count));
        Assert.Equal(cases, pages.SelectMany(p => p.Cases));
        Assert.Equal(cases, (await ivan.Client.ListSupportCasesAsync(new ListSupportCasesRequest(), ivan.Call)).Cases);
        await Refused.WithAsync(ErrorReason.InvalidRequest, maria.Client.ListSupportCasesAsync(new ListSupportCasesRequest { PageToken = pages[0].NextPageToken }, maria.Call));

        time.Advance(server.Limits.SupportCaseLifetime - TimeSpan.FromSeconds(5));
        Assert.Equal(cases.Skip(1), (await ivan.Client.ListSupportCasesAsync(new ListSupportCasesRequest(), ivan.Call)).Cases);
    }
}
