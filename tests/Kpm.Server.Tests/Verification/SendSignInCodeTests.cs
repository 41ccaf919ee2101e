using System.Collections.Concurrent;
using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class SendSignInCodeTests
{
    private static AsyncUnaryCall<CompleteTwoStepResponse> Complete(TestServer server, string ticket, string code) =>
        server.Verification.CompleteTwoStepAsync(new CompleteTwoStepRequest { Ticket = ticket, SecondFactor = new SecondFactor { SmsCode = code } });

    private static async Task<(TestDevice Owner, string Number)> OwnerAsync(TestServer server)
    {
        var owner = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();
        await server.AddPhoneAsync(owner, number);
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        return (owner, number);
    }

    [Fact]
    public async Task A_code_by_SMS_completes_the_sign_in_once()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var (owner, number) = await OwnerAsync(server);
        using var device = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(device, owner.Account!.Email);
        Assert.Equal([TwoStepMethod.Sms, TwoStepMethod.RecoveryCode], step.Methods);
        Assert.EndsWith(number[^2..], step.MaskedPhone, StringComparison.Ordinal);
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, "000000"));

        var sent = await server.SendCodeAsync(step.Ticket);

        Assert.Equal(step.MaskedPhone, sent.MaskedPhone);
        var code = (await server.Sms.WaitAsync(number, 2)).Code;
        await server.SecondStepAsync(device, step.Ticket, new SecondFactor { SmsCode = code });
        step = await server.FirstStepAsync(device, owner.Account.Email);
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, code));
        owner.Dispose();
    }

    [Fact]
    public async Task A_code_serves_the_sign_in_that_asked_for_it_and_no_other()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var (owner, number) = await OwnerAsync(server);
        using var device = new TestDevice(server.Time);
        using var stranger = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(device, owner.Account!.Email);
        var other = await server.FirstStepAsync(stranger, owner.Account.Email);
        await server.SendCodeAsync(step.Ticket);
        var code = (await server.Sms.WaitAsync(number, 2)).Code;

        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, other.Ticket, code));
        await Refused.WithAsync(
            ErrorReason.SecondFactorInvalid,
            server.Verification.GenerateRecoveryCodesAsync(
                new GenerateRecoveryCodesRequest { Reauthentication = TwoStepSteps.Reauthenticate(new SecondFactor { SmsCode = code }) }, owner.Call));
        await server.SecondStepAsync(device, step.Ticket, new SecondFactor { SmsCode = code });
        owner.Dispose();
    }

    [Fact]
    public async Task A_code_lives_five_minutes_bears_five_tries_and_ends_with_the_next()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var (owner, number) = await OwnerAsync(server);
        using var device = new TestDevice(server.Time);
        var email = owner.Account!.Email;

        var step = await server.FirstStepAsync(device, email);
        await server.SendCodeAsync(step.Ticket);
        var first = (await server.Sms.WaitAsync(number, 2)).Code;
        await Refused.WithAsync(ErrorReason.RateLimited, server.Verification.SendSignInCodeAsync(new SendSignInCodeRequest { Ticket = step.Ticket }));
        server.Clock.Advance(TimeSpan.FromMinutes(5));
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, first));

        // The five tries of a code count over tickets; a ticket's own tries are fewer here.
        await server.SendCodeAsync(step.Ticket);
        var second = (await server.Sms.WaitAsync(number, 3)).Code;
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, first == second ? "000000" : first));
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        await server.SendCodeAsync(step.Ticket);
        var third = (await server.Sms.WaitAsync(number, 4)).Code;
        if (second != third)
        {
            await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Complete(server, step.Ticket, second));
        }

        server.Clock.Advance(TimeSpan.FromMinutes(3));
        await server.SecondStepAsync(device, step.Ticket, new SecondFactor { SmsCode = third });
        owner.Dispose();
    }

    [Fact]
    public async Task Wrong_tries_in_a_session_use_the_code_up()
    {
        await using var server = await TestServer.StartAsync(new FakeTime(), o => o with { Limits = o.Limits with { SignInFailuresBeforeDelay = 100 } });
        var (owner, number) = await OwnerAsync(server);
        await server.SendCodeAsync("", owner);
        var code = (await server.Sms.WaitAsync(number, 2)).Code;
        AsyncUnaryCall<GenerateRecoveryCodesResponse> Generate(string sms) => server.Verification.GenerateRecoveryCodesAsync(
            new GenerateRecoveryCodesRequest { Reauthentication = TwoStepSteps.Reauthenticate(new SecondFactor { SmsCode = sms }) }, owner.Call);
        var wrong = (code[0] == '9' ? '0' : '9') + code[1..];
        for (var i = 0; i < 5; i++)
        {
            await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Generate(wrong));
        }

        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Generate(code));

        server.Clock.Advance(TimeSpan.FromMinutes(1));
        await server.SendCodeAsync("", owner);
        code = (await server.Sms.WaitAsync(number, 3)).Code;
        wrong = (code[0] == '9' ? '0' : '9') + code[1..];
        for (var i = 0; i < 4; i++)
        {
            await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Generate(wrong));
        }

        await Generate(code);
        owner.Dispose();
    }

    [Fact]
    public async Task Of_64_uses_of_one_code_one_wins()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var (owner, number) = await OwnerAsync(server);
        await server.SendCodeAsync("", owner);
        var code = (await server.Sms.WaitAsync(number, 2)).Code;

        var outcomes = await Race.Of64Async(() => server.Verification.GenerateRecoveryCodesAsync(
            new GenerateRecoveryCodesRequest { Reauthentication = TwoStepSteps.Reauthenticate(new SecondFactor { SmsCode = code }) }, owner.Call).ResponseAsync);

        Assert.Equal(1, outcomes.Count(o => o == "OK"));
        Assert.All(outcomes.Where(o => o != "OK"), o => Assert.True(o is "SECOND_FACTOR_INVALID" or "RATE_LIMITED", o));
        owner.Dispose();
    }

    [Fact]
    public async Task Of_64_requests_at_once_one_sends()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var (owner, number) = await OwnerAsync(server);
        using var device = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(device, owner.Account!.Email);

        var sent = new ConcurrentBag<SendSignInCodeResponse>();
        var outcomes = await Race.Of64Async(async () =>
        {
            sent.Add(await server.Verification.SendSignInCodeAsync(new SendSignInCodeRequest { Ticket = step.Ticket }));
            return true;
        });

        Assert.Equal(1, sent.Count(r => r.Sent is not null));
        Assert.All(outcomes, o => Assert.True(o is "OK" or "RATE_LIMITED", o));
        await server.Sms.WaitAsync(number, 2);
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "sms") == 0);
        Assert.Equal(2, server.Sms.To(number).Count);
        owner.Dispose();
    }

    [Fact]
    public async Task It_takes_a_live_ticket_or_a_session_and_a_phone()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        using var pending = await server.CreatePendingAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        var step = await server.FirstStepAsync(owner, owner.Account!.Email);

        await Refused.WithAsync(ErrorReason.FactorNotSetUp, server.Verification.SendSignInCodeAsync(new SendSignInCodeRequest { Ticket = step.Ticket }));
        await Refused.WithAsync(ErrorReason.FactorNotSetUp, server.Verification.SendSignInCodeAsync(new SendSignInCodeRequest(), owner.Call));
        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Verification.SendSignInCodeAsync(new SendSignInCodeRequest { Ticket = "kpm-step-unknown" }));
        await Refused.WithAsync(ErrorReason.ActivationRequired, server.Verification.SendSignInCodeAsync(new SendSignInCodeRequest(), pending.Call));
        var anonymous = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Verification.SendSignInCodeAsync(new SendSignInCodeRequest()));
        Assert.Equal("ticket", Assert.Single(anonymous.Fields).Field);

        // The set-up of a phone has a ticket of another purpose.
        var started = await server.StartPhoneAsync(owner, TwoStepSteps.NewNumber(), app.Factor());
        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Verification.SendSignInCodeAsync(new SendSignInCodeRequest { Ticket = started.Ticket }));
    }
}
