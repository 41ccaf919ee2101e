using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Support;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class CancelSupportCaseTests
{
    private static CancelSupportCaseRequest By(string token) => new() { Token = token };

    private static CancelSupportCaseRequest Of(SupportCase which) => new() { CaseId = which.CaseId };

    [Theory]
    [InlineData(-1, true)]
    [InlineData(0, false)]
    public async Task The_mailed_token_stops_a_reset_until_it_takes_effect(int milliseconds, bool works)
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartWithoutJobsAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        await server.AddAuthenticatorAsync(owner);
        var approved = await ivan.ApproveResetAsync(await maria.ProposeResetAsync(owner));
        var token = await TokenAsync(server, owner);
        time.Advance(TimeSpan.FromHours(72) + TimeSpan.FromMilliseconds(milliseconds));

        if (works)
        {
            await server.Verification.CancelSupportCaseAsync(By(token));

            Assert.Equal([$"case={approved.CaseId}"], await maria.DetailsAsync(owner, SecurityEventKind.SupportCaseCancelled));
            Assert.Equal(Actor.Anonymous, (await maria.EventsAsync(owner)).Single(e => e.Kind == SecurityEventKind.SupportCaseCancelled).Actor);
            Assert.True((await maria.ViewAsync(owner)).TwoStepEnabled);
            await Refused.WithAsync(ErrorReason.TokenInvalid, server.Verification.CancelSupportCaseAsync(By(token)));
            await Refused.WithAsync(ErrorReason.CaseNotOpen, () => ivan.ApproveResetAsync(approved));
        }
        else
        {
            await Refused.WithAsync(ErrorReason.TokenInvalid, server.Verification.CancelSupportCaseAsync(By(token)));
            await server.RefreshAsync(owner);
            await Refused.WithAsync(ErrorReason.CaseNotOpen, server.Verification.CancelSupportCaseAsync(Of(approved), owner.Call));
        }
    }

    [Fact]
    public async Task From_a_session_a_case_is_stopped_while_it_is_only_proposed()
    {
        await using var server = await SupportSteps.StartAsync();
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var proposed = await maria.ProposeRegionAsync(owner, "CH");

        await server.Verification.CancelSupportCaseAsync(Of(proposed), owner.Call);

        var told = (await maria.EventsAsync(owner)).Single(e => e.Kind == SecurityEventKind.SupportCaseCancelled);
        Assert.Equal((Actor.Session, owner.DeviceId.ToString()), (told.Actor, told.DeviceId));
        await Refused.WithAsync(ErrorReason.CaseNotOpen, () => ivan.ApproveRegionAsync(proposed));
        await Refused.WithAsync(ErrorReason.CaseNotOpen, server.Verification.CancelSupportCaseAsync(Of(proposed), owner.Call));
        Assert.Equal("AT", (await maria.ViewAsync(owner)).Region);
        Assert.Empty(await maria.DetailsAsync(owner, SecurityEventKind.RegionChangeUndone));
        // The way is free for another case.
        await maria.ProposeRegionAsync(owner, "CH");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_change_of_region_is_taken_back_within_seven_days(bool byToken)
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartWithoutJobsAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var done = await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "CH"));
        var token = await TokenAsync(server, owner);
        time.Advance(TimeSpan.FromDays(7) - TimeSpan.FromMilliseconds(1));
        await server.RefreshAsync(owner);

        await (byToken ? server.Verification.CancelSupportCaseAsync(By(token)) : server.Verification.CancelSupportCaseAsync(Of(done), owner.Call));

        Assert.Equal("AT", (await server.Accounts.GetAccountAsync(new GetAccountRequest(), owner.Call)).Account.Region);
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.SupportCaseCancelled));
        Assert.Equal([$"case={done.CaseId}; region=AT"], await maria.DetailsAsync(owner, SecurityEventKind.RegionChangeUndone));
        await Refused.WithAsync(ErrorReason.CaseNotOpen, maria.Client.UndoRegionChangeAsync(new UndoRegionChangeRequest { CaseId = done.CaseId, Reason = "x" }, maria.Call));
    }

    [Fact]
    public async Task After_seven_days_a_change_of_region_stays()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartWithoutJobsAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var done = await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "CH"));
        var token = await TokenAsync(server, owner);
        time.Advance(TimeSpan.FromDays(7));
        await server.RefreshAsync(owner);

        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Verification.CancelSupportCaseAsync(By(token)));
        await Refused.WithAsync(ErrorReason.CaseNotOpen, server.Verification.CancelSupportCaseAsync(Of(done), owner.Call));
        Assert.Equal("CH", (await maria.ViewAsync(owner)).Region);
    }

    [Fact]
    public async Task Only_the_owner_and_only_with_the_right_token()
    {
        await using var server = await SupportSteps.StartAsync();
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        using var stranger = await server.CreateActiveAsync();
        var done = await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "CH"));
        var token = await TokenAsync(server, owner);
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "mail") == 0);
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.NotFound, server.Verification.CancelSupportCaseAsync(Of(done), stranger.Call));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Verification.CancelSupportCaseAsync(Of(done)));
        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Verification.CancelSupportCaseAsync(By(token[..^1] + (token[^1] == 'A' ? 'E' : 'A'))));
        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Verification.CancelSupportCaseAsync(By(token[..^1])));
        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Verification.CancelSupportCaseAsync(By(done.CaseId)));

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task Of_64_uses_of_a_token_at_once_one_wins()
    {
        await using var server = await SupportSteps.StartAsync();
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        await ivan.ApproveRegionAsync(await maria.ProposeRegionAsync(owner, "CH"));
        var token = await TokenAsync(server, owner);

        var outcomes = await Race.Of(64, _ => server.Verification.CancelSupportCaseAsync(By(token)).ResponseAsync);

        Assert.Single(outcomes, o => o.Refusal is null);
        Assert.All(outcomes.Where(o => o.Refusal is not null), o => Assert.Equal("TOKEN_INVALID", o.Refusal));
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.SupportCaseCancelled));
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.RegionChangeUndone));
    }

    private static async Task<string> TokenAsync(TestServer server, TestDevice owner)
    {
        var mails = () => server.Mails.To(owner.Account!.Email).Select(m => m.CancelToken()).Where(t => t.Length > 0);
        await Eventually.TrueAsync(() => mails().Any());
        return mails().Single();
    }
}
