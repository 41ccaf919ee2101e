using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

public sealed class ApproveRegionChangeTests
{
    [Fact]
    public async Task The_second_operator_moves_the_account_at_once_and_its_owner_is_told()
    {
        await using var server = await SupportSteps.StartAsync();
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var proposed = await maria.ProposeRegionAsync(owner, "JP");

        var done = await ivan.ApproveRegionAsync(proposed);

        Assert.Equal((SupportCaseState.Done, "AT", "JP", "Ivan"), (done.State, done.FormerRegion, done.Region, done.ApprovedBy));
        Assert.Equal(done.ApprovedAt, done.EffectiveAt);
        Assert.Equal(server.Limits.RegionChangeUndo, done.UndoUntil.ToDateTimeOffset() - done.ApprovedAt.ToDateTimeOffset());
        var account = (await server.Accounts.GetAccountAsync(new GetAccountRequest(), owner.Call)).Account;
        // Japan does not offer German; what the person reads does not change over their head.
        Assert.Equal(("JP", "de"), (account.Region, account.Language));
        Assert.Equal([$"case={done.CaseId}; operator=Ivan; former_region=AT; region=JP"], await maria.DetailsAsync(owner, SecurityEventKind.RegionChanged));
        var mail = await server.Mails.WaitAsync(owner.Account!.Email, 2);
        Assert.Contains("Japan (JP)", mail.Text, StringComparison.Ordinal);
        Assert.Contains("moved house", mail.Text, StringComparison.Ordinal);
        Assert.StartsWith("kpm-cancel-", mail.CancelToken(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_operator_who_proposed_is_not_the_second_one()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        var proposed = await maria.ProposeRegionAsync(owner, "CH");
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.SecondOperatorRequired, () => maria.ApproveRegionAsync(proposed));

        Assert.Equal(before, Snapshot.Of(server.Database));

        // Operators are told apart by who they are, not by what they are called.
        await server.CommandAsync("operator", "remove", "Maria");
        var successor = await server.OperatorAsync("Maria");
        Assert.Equal(SupportCaseState.Done, (await successor.ApproveRegionAsync(proposed)).State);
    }

    [Fact]
    public async Task A_repeated_approval_changes_nothing_and_another_operators_is_refused()
    {
        await using var server = await SupportSteps.StartAsync();
        var (maria, ivan, yuki) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"), await server.OperatorAsync("Yuki"));
        using var owner = await server.CreateActiveAsync();
        var done = await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "CH"));

        Assert.Equal(done, await ivan.ApproveRegionAsync(done));
        await Refused.WithAsync(ErrorReason.CaseNotOpen, () => yuki.ApproveRegionAsync(done));
        await Refused.WithAsync(ErrorReason.CaseNotOpen, () => maria.ApproveRegionAsync(done));
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.RegionChanged));
    }

    [Fact]
    public async Task A_case_of_another_kind_or_none_is_not_found()
    {
        await using var server = await SupportSteps.StartAsync();
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var proposed = await maria.ProposeRegionAsync(owner, "CH");

        await Refused.WithAsync(ErrorReason.NotFound, () => ivan.ApproveResetAsync(proposed));
        await Refused.WithAsync(ErrorReason.NotFound, () => ivan.ApproveRegionAsync(new SupportCase { CaseId = SupportSteps.NewId() }));
        Assert.Equal(SupportCaseState.Done, (await ivan.ApproveRegionAsync(proposed)).State);
    }

    [Theory]
    [InlineData(-1, true)]
    [InlineData(0, false)]
    public async Task A_proposal_lapses_after_seven_days(int milliseconds, bool open)
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartWithoutJobsAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var proposed = await maria.ProposeRegionAsync(owner, "CH");

        time.Advance(TimeSpan.FromDays(7) + TimeSpan.FromMilliseconds(milliseconds));

        if (open)
        {
            Assert.Equal(SupportCaseState.Done, (await ivan.ApproveRegionAsync(proposed)).State);
        }
        else
        {
            Assert.Empty((await maria.ViewAsync(owner)).OpenCases);
            await Refused.WithAsync(ErrorReason.CaseNotOpen, () => ivan.ApproveRegionAsync(proposed));
            await Eventually.TrueAsync(() =>
            {
                time.Advance(server.Limits.SweepInterval);
                return Snapshot.Of(server.Database)["support_case"].Contains($"state={(int)SupportCaseState.Lapsed}|", StringComparison.Ordinal);
            });
            Assert.Equal("AT", (await maria.ViewAsync(owner)).Region);
        }
    }

    [Fact]
    public async Task Of_64_operators_who_approve_at_once_one_does()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        var others = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => server.OperatorAsync($"Operator {i}")));
        using var owner = await server.CreateActiveAsync();
        var proposed = await maria.ProposeRegionAsync(owner, "CH");

        var outcomes = await Race.Of(64, i => others[i].ApproveRegionAsync(proposed));

        Assert.Single(outcomes, o => o.Refusal is null);
        Assert.All(outcomes.Where(o => o.Refusal is not null), o => Assert.Equal("CASE_NOT_OPEN", o.Refusal));
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.RegionChanged));
        Assert.Equal(1, Snapshot.Rows(server.Database, "ticket"));
    }
}
