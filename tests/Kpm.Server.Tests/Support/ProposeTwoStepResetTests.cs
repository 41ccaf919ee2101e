using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

public sealed class ProposeTwoStepResetTests
{
    private static ProposeTwoStepResetRequest Request(string accountId) => new() { RequestId = SupportSteps.NewId(), AccountId = accountId, Reason = "phone lost" };

    [Fact]
    public async Task A_proposal_changes_nothing_yet_and_is_an_event_of_the_account()
    {
        await using var server = await SupportSteps.StartAsync(new FakeTime());
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        await server.AddAuthenticatorAsync(owner);

        var proposed = await maria.ProposeResetAsync(owner);

        Assert.Equal((SupportCaseKind.TwoStepReset, SupportCaseState.Proposed, "", ""), (proposed.Kind, proposed.State, proposed.Region, proposed.FormerRegion));
        var seen = await maria.ViewAsync(owner);
        Assert.True(seen.TwoStepEnabled);
        Assert.Equal(proposed, Assert.Single(seen.OpenCases));
        Assert.Equal([$"case={proposed.CaseId}; operator=Maria; reason=phone lost"], await maria.DetailsAsync(owner, SecurityEventKind.TwoStepResetProposed));
    }

    [Fact]
    public async Task An_account_without_a_second_step_has_nothing_to_reset()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();

        await Refused.WithAsync(ErrorReason.FactorNotSetUp, maria.Client.ProposeTwoStepResetAsync(Request(owner.Account!.AccountId), maria.Call));
        await Refused.WithAsync(ErrorReason.NotFound, maria.Client.ProposeTwoStepResetAsync(Request(SupportSteps.NewId()), maria.Call));
        Assert.Equal(0, Snapshot.Rows(server.Database, "support_case"));
    }

    [Fact]
    public async Task A_repeated_request_returns_the_first_case_and_a_second_case_waits_for_the_first()
    {
        await using var server = await SupportSteps.StartAsync(new FakeTime());
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        await server.AddAuthenticatorAsync(owner);
        var request = Request(owner.Account!.AccountId);
        var first = await maria.Client.ProposeTwoStepResetAsync(request, maria.Call);

        Assert.Equal(first, await maria.Client.ProposeTwoStepResetAsync(request, maria.Call));
        await Refused.WithAsync(ErrorReason.CaseOpen, () => ivan.ProposeResetAsync(owner));
        await ivan.ApproveResetAsync(first.Case);
        var open = await Refused.WithAsync(ErrorReason.CaseOpen, () => ivan.ProposeResetAsync(owner));
        Assert.Equal(first.Case.CaseId, open.Info.Metadata["caseId"]);
        // A case of the other kind is another matter.
        await ivan.ProposeRegionAsync(owner, "CH");
    }
}
