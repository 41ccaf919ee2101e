using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

public sealed class ProposeRegionChangeTests
{
    [Fact]
    public async Task A_proposal_changes_nothing_yet_and_is_an_event_of_the_account()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();

        var proposed = await maria.ProposeRegionAsync(owner, "CH", "moved; to Zürich");

        Assert.Equal((SupportCaseKind.RegionChange, SupportCaseState.Proposed, "CH", ""), (proposed.Kind, proposed.State, proposed.Region, proposed.FormerRegion));
        Assert.Equal(("Maria", "", "moved; to Zürich"), (proposed.ProposedBy, proposed.ApprovedBy, proposed.Reason));
        Assert.Null(proposed.ApprovedAt);
        Assert.Null(proposed.EffectiveAt);
        Assert.Null(proposed.UndoUntil);
        Assert.Equal("AT", (await server.Accounts.GetAccountAsync(new GetAccountRequest(), owner.Call)).Account.Region);
        Assert.Equal(proposed, Assert.Single((await maria.ViewAsync(owner)).OpenCases));
        Assert.Equal([$"case={proposed.CaseId}; operator=Maria; region=CH; reason=moved, to Zürich"], await maria.DetailsAsync(owner, SecurityEventKind.RegionChangeProposed));
    }

    [Fact]
    public async Task A_region_of_no_catalogue_or_the_present_one_and_an_account_that_is_none_are_refused()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        var before = Snapshot.Of(server.Database);

        var unknown = await Refused.WithAsync(ErrorReason.InvalidRequest, maria.Client.ProposeRegionChangeAsync(SupportSteps.RegionRequest(owner, "XX"), maria.Call));
        Assert.Equal(("region", "NOT_IN_CATALOGUE"), (Assert.Single(unknown.FieldNames), Assert.Single(unknown.FieldReasons)));
        var same = await Refused.WithAsync(ErrorReason.InvalidRequest, maria.Client.ProposeRegionChangeAsync(SupportSteps.RegionRequest(owner, "AT"), maria.Call));
        Assert.Equal(("region", "UNCHANGED"), (Assert.Single(same.FieldNames), Assert.Single(same.FieldReasons)));
        var request = SupportSteps.RegionRequest(owner, "CH");
        request.AccountId = SupportSteps.NewId();
        await Refused.WithAsync(ErrorReason.NotFound, maria.Client.ProposeRegionChangeAsync(request, maria.Call));

        Assert.Equal(before["support_case"], Snapshot.Of(server.Database)["support_case"]);
        Assert.Equal(before["security_event"], Snapshot.Of(server.Database)["security_event"]);
    }

    [Fact]
    public async Task A_repeated_request_returns_the_first_case_for_a_day_and_the_id_is_the_operators_own()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        using var other = await server.CreateActiveAsync();
        var request = SupportSteps.RegionRequest(owner, "CH");
        var first = await maria.Client.ProposeRegionChangeAsync(request, maria.Call);
        time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(first, await maria.Client.ProposeRegionChangeAsync(request, maria.Call));
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.RegionChangeProposed));
        var otherContent = SupportSteps.RegionRequest(other, "DE");
        otherContent.RequestId = request.RequestId;
        await Refused.WithAsync(ErrorReason.RequestIdReused, maria.Client.ProposeRegionChangeAsync(otherContent, maria.Call));
        await ivan.Client.ProposeRegionChangeAsync(otherContent, ivan.Call);

        time.Advance(TimeSpan.FromHours(24) - TimeSpan.FromMinutes(2));
        await Task.Delay(200, TestContext.Current.CancellationToken);
        Assert.Equal(2, Snapshot.Rows(server.Database, "operator_request"));
        time.Advance(TimeSpan.FromMinutes(5));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "operator_request") == 0);
    }

    [Fact]
    public async Task One_case_of_a_kind_is_on_its_way_at_a_time()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartWithoutJobsAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var first = await maria.ProposeRegionAsync(owner, "CH");

        var refused = await Refused.WithAsync(ErrorReason.CaseOpen, ivan.Client.ProposeRegionChangeAsync(SupportSteps.RegionRequest(owner, "DE"), ivan.Call));
        Assert.Equal(first.CaseId, refused.Info.Metadata["caseId"]);

        time.Advance(server.Limits.SupportCaseLifetime - TimeSpan.FromMilliseconds(1));
        await Refused.WithAsync(ErrorReason.CaseOpen, ivan.Client.ProposeRegionChangeAsync(SupportSteps.RegionRequest(owner, "DE"), ivan.Call));
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("DE", (await ivan.ProposeRegionAsync(owner, "DE")).Region);
        Assert.Equal(2, Snapshot.Rows(server.Database, "support_case"));
    }

    [Fact]
    public async Task Of_64_proposals_at_once_one_stands()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();

        var outcomes = await Race.Of(64, _ => maria.Client.ProposeRegionChangeAsync(SupportSteps.RegionRequest(owner, "CH"), maria.Call).ResponseAsync);

        Assert.Single(outcomes, o => o.Refusal is null);
        Assert.All(outcomes.Where(o => o.Refusal is not null), o => Assert.Equal("CASE_OPEN", o.Refusal));
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.RegionChangeProposed));
    }
}
