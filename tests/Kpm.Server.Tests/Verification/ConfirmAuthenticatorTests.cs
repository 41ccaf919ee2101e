using Dapper;
using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class ConfirmAuthenticatorTests
{
    [Fact]
    public async Task The_first_factor_brings_ten_recovery_codes_a_mail_and_events()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var since = server.Time.GetUtcNow();

        var (_, codes) = await server.AddAuthenticatorAsync(device);

        Assert.Equal(10, codes.Distinct(StringComparer.Ordinal).Count());
        Assert.All(codes, c => Assert.Matches("^([0-9A-HJKMNP-TV-Z]{5}-){5}[0-9A-HJKMNP-TV-Z]$", c));
        var settings = await server.SettingsAsync(device);
        Assert.True(settings.Enabled);
        Assert.Equal(since, settings.AuthenticatorSince.ToDateTimeOffset());
        Assert.Equal(Enumerable.Range(1, 10), settings.RecoveryCodes.Select(c => c.Number));
        Assert.All(settings.RecoveryCodes, c => Assert.Null(c.UsedAt));
        Assert.True((await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.TwoStepEnabled);
        await server.Mails.WaitAsync(device.Account!.Email, 2);
        Assert.Contains(server.Mails.To(device.Account.Email), m => m.Text.Contains("Test device", StringComparison.Ordinal));
        Assert.Equal(
            [SecurityEventKind.FactorAdded, SecurityEventKind.RecoveryCodesGenerated],
            server.Database.Read(c => c.Query<int>("SELECT kind FROM security_event ORDER BY seq DESC LIMIT 2")).Reverse().Select(k => (SecurityEventKind)k));
    }

    [Fact]
    public async Task Replacing_it_ends_the_former_app_and_every_trust_but_keeps_the_recovery_codes()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (former, _) = await server.AddAuthenticatorAsync(device);
        using var trusted = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(trusted, device.Account!.Email);
        var token = (await server.SecondStepAsync(trusted, step.Ticket, former.Factor(), trust: true)).TrustedDeviceToken;
        server.Clock.Advance(TwoStepSteps.Step);

        var (app, codes) = await server.AddAuthenticatorAsync(device, former.Factor());

        Assert.Empty(codes);
        step = await server.FirstStepAsync(trusted, device.Account.Email, token);
        await Refused.WithAsync(
            ErrorReason.SecondFactorInvalid, server.Verification.CompleteTwoStepAsync(new CompleteTwoStepRequest { Ticket = step.Ticket, SecondFactor = former.Factor() }));
        await server.SecondStepAsync(trusted, step.Ticket, app.Factor());
    }

    [Fact]
    public async Task The_step_that_proved_it_does_not_sign_in()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var started = await server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate() }, device.Call);
        var app = new TestAuthenticator(started.Secret, server.Time);
        await server.Verification.ConfirmAuthenticatorAsync(new ConfirmAuthenticatorRequest { Ticket = started.Ticket, Code = app.Code() }, device.Call);

        using var other = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(other, device.Account!.Email);
        await Refused.WithAsync(
            ErrorReason.SecondFactorInvalid, server.Verification.CompleteTwoStepAsync(new CompleteTwoStepRequest { Ticket = step.Ticket, SecondFactor = app.Factor() }));
    }

    [Fact]
    public async Task Five_wrong_codes_and_ten_minutes_end_the_set_up()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        async Task<(string Ticket, TestAuthenticator App)> StartAsync()
        {
            var started = await server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate() }, device.Call);
            return (started.Ticket, new TestAuthenticator(started.Secret, server.Time));
        }

        AsyncUnaryCall<ConfirmAuthenticatorResponse> Confirm(string ticket, string code) =>
            server.Verification.ConfirmAuthenticatorAsync(new ConfirmAuthenticatorRequest { Ticket = ticket, Code = code }, device.Call);

        var (wrongTicket, wrongApp) = await StartAsync();
        for (var i = 0; i < 5; i++)
        {
            await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Confirm(wrongTicket, wrongApp.WrongCode()));
        }

        await Refused.WithAsync(ErrorReason.TicketInvalid, Confirm(wrongTicket, wrongApp.Code()));

        var (lateTicket, lateApp) = await StartAsync();
        server.Clock.Advance(TimeSpan.FromMinutes(10));
        await Refused.WithAsync(ErrorReason.TicketInvalid, Confirm(lateTicket, lateApp.Code()));

        // A new set-up ends the one before, and one that another session began serves nobody else.
        var (formerTicket, formerApp) = await StartAsync();
        var (ticket, app) = await StartAsync();
        await Refused.WithAsync(ErrorReason.TicketInvalid, Confirm(formerTicket, formerApp.Code()));
        using var other = await server.SignInAsync(device.Account!.Email);
        await Refused.WithAsync(
            ErrorReason.TicketInvalid, server.Verification.ConfirmAuthenticatorAsync(new ConfirmAuthenticatorRequest { Ticket = ticket, Code = app.Code() }, other.Call));
        Assert.False((await server.SettingsAsync(device)).Enabled);
        await Confirm(ticket, app.Code());
    }

    [Fact]
    public async Task Of_64_confirmations_at_once_one_wins()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var started = await server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate() }, device.Call);
        var code = new TestAuthenticator(started.Secret, server.Time).Code();

        var outcomes = await Race.Of64Async(() => server.Verification.ConfirmAuthenticatorAsync(new ConfirmAuthenticatorRequest { Ticket = started.Ticket, Code = code }, device.Call).ResponseAsync);

        Assert.Equal(1, outcomes.Count(o => o == "OK"));
        Assert.Equal(63, outcomes.Count(o => o == "TICKET_INVALID"));
        Assert.Equal(10, Snapshot.Rows(server.Database, "recovery_code"));
    }
}
