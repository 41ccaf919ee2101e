using System.Collections.Concurrent;
using Dapper;
using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class CompleteTwoStepTests
{
    private static AsyncUnaryCall<CompleteTwoStepResponse> Complete(TestServer server, string ticket, SecondFactor factor) =>
        server.Verification.CompleteTwoStepAsync(new CompleteTwoStepRequest { Ticket = ticket, SecondFactor = factor });

    private static string Next(ConcurrentQueue<string> tickets) => tickets.TryDequeue(out var ticket) ? ticket : throw new InvalidOperationException("No ticket is left.");

    [Fact]
    public async Task The_password_alone_opens_nothing_and_the_code_connects_the_device()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        using var device = new TestDevice(server.Time);

        var step = await server.FirstStepAsync(device, owner.Account!.Email);

        Assert.Equal([TwoStepMethod.Authenticator, TwoStepMethod.RecoveryCode], step.Methods);
        Assert.Equal("", step.MaskedPhone);
        Assert.Equal(server.Time.GetUtcNow().AddMinutes(10), step.ExpiresAt.ToDateTimeOffset());
        Assert.Equal(1, Snapshot.Rows(server.Database, "device"));
        Assert.Equal(1, Snapshot.Rows(server.Database, "session"));

        var done = await server.SecondStepAsync(device, step.Ticket, app.Factor());
        Assert.Equal("", done.TrustedDeviceToken);
        Assert.Equal(owner.AccountId, device.AccountId);
        Assert.True((await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.TwoStepEnabled);
        await server.Mails.WaitAsync(owner.Account.Email, 3);
    }

    [Theory]
    [InlineData(-2, false)]
    [InlineData(-1, true)]
    [InlineData(0, true)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public async Task A_clock_may_be_one_step_off(int steps, bool accepted)
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        server.Clock.Advance(2 * TwoStepSteps.Step);
        using var device = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(device, owner.Account!.Email);

        if (accepted)
        {
            await server.SecondStepAsync(device, step.Ticket, app.Factor(steps));
        }
        else
        {
            await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, app.Factor(steps)));
        }
    }

    [Fact]
    public async Task A_step_is_accepted_once_and_none_before_it()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        server.Clock.Advance(2 * TwoStepSteps.Step);
        using var device = new TestDevice(server.Time);
        await server.SecondStepAsync(device, (await server.FirstStepAsync(device, owner.Account!.Email)).Ticket, app.Factor());

        var step = await server.FirstStepAsync(device, owner.Account.Email);
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, app.Factor()));
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, app.Factor(-1)));
        await server.SecondStepAsync(device, step.Ticket, app.Factor(1));
    }

    [Fact]
    public async Task Of_64_uses_of_one_ticket_and_step_one_wins()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        using var device = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(device, owner.Account!.Email);
        var sessions = Snapshot.Rows(server.Database, "session");

        var outcomes = await Race.Of64Async(() => Complete(server, step.Ticket, app.Factor()).ResponseAsync);

        Assert.Equal(1, outcomes.Count(o => o == "OK"));
        Assert.Equal(63, outcomes.Count(o => o == "TICKET_INVALID"));
        Assert.Equal(sessions + 1, Snapshot.Rows(server.Database, "session"));
    }

    [Fact]
    public async Task Of_64_sign_ins_with_one_step_one_wins()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        var devices = Enumerable.Range(0, 64).Select(_ => new TestDevice(server.Time)).ToList();
        var tickets = new ConcurrentQueue<string>(await Task.WhenAll(devices.Select(async d => (await server.FirstStepAsync(d, owner.Account!.Email)).Ticket)));

        var outcomes = await Race.Of64Async(() => Complete(server, Next(tickets), app.Factor()).ResponseAsync);

        Assert.Equal(1, outcomes.Count(o => o == "OK"));
        Assert.All(outcomes.Where(o => o != "OK"), o => Assert.True(o is "SECOND_FACTOR_INVALID" or "RATE_LIMITED", o));
        Assert.Equal(2, Snapshot.Rows(server.Database, "session"));
        devices.ForEach(d => d.Dispose());
    }

    [Fact]
    public async Task Of_64_sign_ins_with_one_recovery_code_one_wins_and_the_owner_gets_a_mail()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (_, codes) = await server.AddAuthenticatorAsync(owner);
        var devices = Enumerable.Range(0, 64).Select(_ => new TestDevice(server.Time)).ToList();
        var tickets = new ConcurrentQueue<string>(await Task.WhenAll(devices.Select(async d => (await server.FirstStepAsync(d, owner.Account!.Email)).Ticket)));
        // As somebody types it: lower case, spaces, a letter O for the zero.
        var typed = codes[3].ToLowerInvariant().Replace('-', ' ').Replace('0', 'o');

        var outcomes = await Race.Of64Async(() => Complete(server, Next(tickets), new SecondFactor { RecoveryCode = typed }).ResponseAsync);

        Assert.Equal(1, outcomes.Count(o => o == "OK"));
        var settings = await server.SettingsAsync(owner);
        Assert.Equal(4, Assert.Single(settings.RecoveryCodes, c => c.UsedAt is not null).Number);
        // Activation, factor added, recovery code used, new device.
        await Eventually.TrueAsync(() => server.Mails.To(owner.Account!.Email).Count == 4);
        Assert.Contains(server.Mails.To(owner.Account!.Email), m => m.Text.Contains('9', StringComparison.Ordinal));
        devices.ForEach(d => d.Dispose());
    }

    [Fact]
    public async Task Wrong_codes_exhaust_the_ticket_and_delay_the_account_whatever_the_ticket()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        using var stranger = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(stranger, owner.Account!.Email);
        for (var i = 0; i < 5; i++)
        {
            await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, new SecondFactor { AuthenticatorCode = app.WrongCode() }));
        }

        await Refused.WithAsync(ErrorReason.TicketInvalid, Complete(server, step.Ticket, app.Factor()));
        var next = await server.FirstStepAsync(stranger, owner.Account.Email);
        var delayed = await Refused.WithAsync(ErrorReason.RateLimited, Complete(server, next.Ticket, app.Factor()));
        Assert.Equal(TimeSpan.FromSeconds(1), delayed.RetryAfter);
        Assert.Equal(5, server.Database.Read(c => c.QuerySingle<int>("SELECT count(*) FROM security_event WHERE kind = @kind", new { kind = (int)SecurityEventKind.TwoStepFailed })));

        // The owner's device proves its key and has a budget of its own.
        var proven = (await server.Accounts.SignInAsync(owner.ProvenSignInRequest(owner.Account.Email))).TwoStepRequired;
        await server.SecondStepAsync(owner, proven.Ticket, app.Factor());
    }

    [Fact]
    public async Task A_ticket_ends_after_ten_minutes_and_is_bound_to_its_sign_in()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        using var device = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(device, owner.Account!.Email);

        server.Clock.Advance(TimeSpan.FromMinutes(10) - TimeSpan.FromMilliseconds(1));
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, new SecondFactor { AuthenticatorCode = app.WrongCode() }));
        server.Clock.Advance(TimeSpan.FromMilliseconds(1));
        await Refused.WithAsync(ErrorReason.TicketInvalid, Complete(server, step.Ticket, app.Factor()));
        await Refused.WithAsync(ErrorReason.TicketInvalid, Complete(server, "kpm-step-" + new string('a', 43), app.Factor()));

        // The account has no phone.
        step = await server.FirstStepAsync(device, owner.Account.Email);
        await Refused.WithAsync(ErrorReason.FactorNotSetUp, Complete(server, step.Ticket, new SecondFactor { SmsCode = "123456" }));
        Assert.Equal(1, Snapshot.Rows(server.Database, "session"));
    }

    [Fact]
    public async Task A_trusted_device_skips_the_second_step_for_thirty_days_and_no_other_device_does()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        using var device = new TestDevice(server.Time);
        var token = (await server.SecondStepAsync(device, (await server.FirstStepAsync(device, email)).Ticket, app.Factor(), trust: true)).TrustedDeviceToken;
        Assert.StartsWith("kpm-trust-", token, StringComparison.Ordinal);

        SignInRequest Request(TestDevice from) => new() { Email = email, Password = AccountSteps.Password, Device = from.Info, TrustedDeviceToken = token };
        server.Clock.Advance(TimeSpan.FromDays(30) - TimeSpan.FromMilliseconds(1));
        Assert.NotNull((await server.Accounts.SignInAsync(Request(device))).SignedIn);
        using var thief = new TestDevice(server.Time);
        Assert.NotNull((await server.Accounts.SignInAsync(Request(thief))).TwoStepRequired);
        server.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.NotNull((await server.Accounts.SignInAsync(Request(device))).TwoStepRequired);
    }

    [Fact]
    public async Task A_device_conflict_uses_nothing_up()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        using var stranger = await server.CreateActiveAsync();
        var step = await server.FirstStepAsync(stranger, owner.Account!.Email);
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.DeviceConflict, Complete(server, step.Ticket, app.Factor()));

        Assert.Equal(before, Snapshot.Of(server.Database));
    }
}
