using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

public sealed class UndoRegionChangeTests
{
    private static UndoRegionChangeRequest Request(SupportCase done) => new() { CaseId = done.CaseId, Reason = "a mistake" };

    [Theory]
    [InlineData(-1, true)]
    [InlineData(0, false)]
    public async Task The_former_region_comes_back_within_seven_days(int milliseconds, bool undone)
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartWithoutJobsAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var done = await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "CH"));
        time.Advance(TimeSpan.FromDays(7) + TimeSpan.FromMilliseconds(milliseconds));

        if (undone)
        {
            var response = await maria.Client.UndoRegionChangeAsync(Request(done), maria.Call);

            Assert.Equal(SupportCaseState.Undone, response.Case.State);
            var seen = await maria.ViewAsync(owner);
            Assert.Equal("AT", seen.Region);
            Assert.Empty(seen.OpenCases);
            Assert.Equal([$"case={done.CaseId}; operator=Maria; region=AT; reason=a mistake"], await maria.DetailsAsync(owner, SecurityEventKind.RegionChangeUndone));
            Assert.Contains("Austria (AT)", (await server.Mails.WaitAsync(owner.Account!.Email, 3)).Text, StringComparison.Ordinal);
            await Refused.WithAsync(ErrorReason.CaseNotOpen, maria.Client.UndoRegionChangeAsync(Request(done), maria.Call));
            await Refused.WithAsync(ErrorReason.CaseNotOpen, () => ivan.ApproveRegionAsync(done));
        }
        else
        {
            await Refused.WithAsync(ErrorReason.CaseNotOpen, maria.Client.UndoRegionChangeAsync(Request(done), maria.Call));
            Assert.Equal("CH", (await maria.ViewAsync(owner)).Region);
        }
    }

    [Fact]
    public async Task Only_a_change_that_still_stands_is_undone()
    {
        await using var server = await SupportSteps.StartAsync();
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var first = await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "CH"));
        var second = await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "DE"));

        await Refused.WithAsync(ErrorReason.CaseNotOpen, maria.Client.UndoRegionChangeAsync(Request(first), maria.Call));
        Assert.Equal("DE", (await maria.ViewAsync(owner)).Region);
        await maria.Client.UndoRegionChangeAsync(Request(second), maria.Call);
        Assert.Equal("CH", (await maria.ViewAsync(owner)).Region);
        await maria.Client.UndoRegionChangeAsync(Request(first), maria.Call);
        Assert.Equal("AT", (await maria.ViewAsync(owner)).Region);
    }

    [Fact]
    public async Task A_proposal_has_nothing_to_undo()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        var proposed = await maria.ProposeRegionAsync(owner, "CH");

        await Refused.WithAsync(ErrorReason.CaseNotOpen, maria.Client.UndoRegionChangeAsync(Request(proposed), maria.Call));
        await Refused.WithAsync(ErrorReason.NotFound, maria.Client.UndoRegionChangeAsync(Request(new SupportCase { CaseId = SupportSteps.NewId() }), maria.Call));
    }

    [Fact]
    public async Task Of_64_at_once_one_undoes_it()
    {
        await using var server = await SupportSteps.StartAsync();
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var done = await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "CH"));

        var outcomes = await Race.Of(64, _ => maria.Client.UndoRegionChangeAsync(Request(done), maria.Call).ResponseAsync);

        Assert.Single(outcomes, o => o.Refusal is null);
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.RegionChangeUndone));
        Assert.Equal("AT", (await maria.ViewAsync(owner)).Region);
    }
}
