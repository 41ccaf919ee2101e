using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

public sealed class ApproveTwoStepResetTests
{
    [Fact]
    public async Task The_second_operator_starts_the_72_hours_and_the_owner_is_told()
    {
        await using var server = await SupportSteps.StartAsync(new FakeTime());
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        await server.AddAuthenticatorAsync(owner);
        var proposed = await maria.ProposeResetAsync(owner);
        await Refused.WithAsync(ErrorReason.SecondOperatorRequired, () => maria.ApproveResetAsync(proposed));

        var approved = await ivan.ApproveResetAsync(proposed);

        Assert.Equal((SupportCaseState.Approved, "Ivan"), (approved.State, approved.ApprovedBy));
        Assert.Equal(TimeSpan.FromHours(72), approved.EffectiveAt.ToDateTimeOffset() - approved.ApprovedAt.ToDateTimeOffset());
        Assert.Equal(approved.EffectiveAt, approved.UndoUntil);
        Assert.True((await maria.ViewAsync(owner)).TwoStepEnabled);
        Assert.Equal([$"case={approved.CaseId}; operator=Ivan"], await maria.DetailsAsync(owner, SecurityEventKind.TwoStepResetApproved));
        var mail = await MailAsync(server, owner);
        Assert.Contains("phone lost", mail.Text, StringComparison.Ordinal);
        Assert.Contains("2026-03-04 12:0", mail.Text, StringComparison.Ordinal);
        Assert.Equal(approved, await ivan.ApproveResetAsync(proposed));
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.TwoStepResetApproved));
    }

    [Fact]
    public async Task It_takes_effect_after_72_hours_and_not_before()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        using var trusted = new TestDevice(time);
        var step = await server.FirstStepAsync(trusted, email);
        var trust = (await server.SecondStepAsync(trusted, step.Ticket, app.Factor(), trust: true)).TrustedDeviceToken;
        Assert.NotEmpty(trust);
        await ivan.ApproveResetAsync(await maria.ProposeResetAsync(owner));

        time.Advance(TimeSpan.FromHours(72) - TimeSpan.FromMilliseconds(1));
        await SettledAsync();
        Assert.True((await maria.ViewAsync(owner)).TwoStepEnabled);
        using var device = new TestDevice(time);
        await server.FirstStepAsync(device, email);

        await EventuallyOffAsync(server);
        await server.SignInAsync(email, device);
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.TwoStepReset));
        foreach (var table in new[] { "authenticator", "phone", "recovery_code", "trusted_device" })
        {
            Assert.Equal(0, Snapshot.Rows(server.Database, table));
        }

        await server.Mails.WaitAsync(email, server.Mails.To(email).Count);
        await Eventually.TrueAsync(() => server.Mails.To(email).Any(m => m.Text.Contains("wie angekündigt", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_approval_outlives_the_server_and_what_came_due_meanwhile_is_carried_out_once()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        await server.AddAuthenticatorAsync(owner);
        await ivan.ApproveResetAsync(await maria.ProposeResetAsync(owner));

        await server.StopAsync();
        time.Advance(TimeSpan.FromHours(73));
        await server.RestartAsync();

        maria = new TestOperator(server.Support(), maria.Name, maria.Credential);
        Assert.True((await maria.ViewAsync(owner)).TwoStepEnabled);
        await EventuallyOffAsync(server);
        time.Advance(server.Limits.SweepInterval * 3);
        await SettledAsync();
        Assert.Single(await maria.DetailsAsync(owner, SecurityEventKind.TwoStepReset));
    }

    [Fact]
    public async Task A_sign_in_with_the_factor_does_not_cancel_it_by_itself()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        var approved = await ivan.ApproveResetAsync(await maria.ProposeResetAsync(owner));
        using var device = new TestDevice(time);

        await server.SecondStepAsync(device, (await server.FirstStepAsync(device, owner.Account!.Email)).Ticket, app.Factor());

        // Whoever has the factor and the password sees the case and can cancel it.
        Assert.Equal(approved, Assert.Single((await maria.ViewAsync(owner)).OpenCases));
    }

    [Fact]
    public async Task Of_an_approval_and_a_cancelling_at_once_the_case_ends_in_one_of_the_two()
    {
        await using var server = await SupportSteps.StartAsync(new FakeTime());
        var maria = await server.OperatorAsync("Maria");
        var ivan = await server.OperatorAsync("Ivan");
        using var owner = await server.CreateActiveAsync();
        await server.AddAuthenticatorAsync(owner);
        for (var round = 0; round < 8; round++)
        {
            var proposed = await maria.ProposeResetAsync(owner);

            var outcomes = await Race.Of<object>(8, async i => i % 2 == 0
                ? await ivan.ApproveResetAsync(proposed)
                : await server.Verification.CancelSupportCaseAsync(new CancelSupportCaseRequest { CaseId = proposed.CaseId }, owner.Call));

            // Cancelling works before and after the approval, so it always wins in the end, once.
            Assert.Single(outcomes, o => o.Response is CancelSupportCaseResponse);
            Assert.All(outcomes.Where(o => o.Refusal is not null), o => Assert.Equal("CASE_NOT_OPEN", o.Refusal));
            Assert.Empty((await maria.ViewAsync(owner)).OpenCases);
        }

        Assert.Equal(8, (await maria.DetailsAsync(owner, SecurityEventKind.SupportCaseCancelled)).Count);
        Assert.True((await maria.ViewAsync(owner)).TwoStepEnabled);
    }

    [Fact]
    public async Task Of_the_effect_and_a_cancelling_at_once_one_wins()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartAsync(time);
        var (maria, ivan) = (await server.OperatorAsync("Maria"), await server.OperatorAsync("Ivan"));
        using var owner = await server.CreateActiveAsync();
        await server.AddAuthenticatorAsync(owner);
        var approved = await ivan.ApproveResetAsync(await maria.ProposeResetAsync(owner));
        time.Advance(TimeSpan.FromHours(72) - TimeSpan.FromMilliseconds(1));
        await server.RefreshAsync(owner);

        var moving = Task.Run(() => time.Advance(TimeSpan.FromMinutes(2)), TestContext.Current.CancellationToken);
        var outcomes = await Race.Of(16, _ => server.Verification.CancelSupportCaseAsync(new CancelSupportCaseRequest { CaseId = approved.CaseId }, owner.Call).ResponseAsync);
        await moving;

        var cancelled = outcomes.Count(o => o.Refusal is null);
        Assert.InRange(cancelled, 0, 1);
        await Eventually.TrueAsync(() =>
        {
            time.Advance(server.Limits.SweepInterval);
            return Snapshot.Of(server.Database)["support_case"].Contains($"state={(int)(cancelled == 1 ? SupportCaseState.Cancelled : SupportCaseState.Done)}|", StringComparison.Ordinal);
        });
        Assert.Equal(cancelled == 1, (await maria.ViewAsync(owner)).TwoStepEnabled);
        Assert.Equal(1 - cancelled, (await maria.DetailsAsync(owner, SecurityEventKind.TwoStepReset)).Count);
    }

    /// <summary>The job has looked at the present time and found nothing.</summary>
    private static Task SettledAsync() => Task.Delay(200, TestContext.Current.CancellationToken);

    private static Task EventuallyOffAsync(TestServer server) => Eventually.TrueAsync(() =>
    {
        server.Clock.Advance(server.Limits.SweepInterval);
        return Snapshot.Rows(server.Database, "authenticator") == 0;
    });

    private static async Task<ReceivedMail> MailAsync(TestServer server, TestDevice owner)
    {
        await Eventually.TrueAsync(() => server.Mails.To(owner.Account!.Email).Any(m => m.CancelToken().Length > 0));
        return server.Mails.To(owner.Account!.Email).Single(m => m.CancelToken().Length > 0);
    }
}
