using Kpm.Server.Messaging.Sms;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Messaging.Sms;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification.TwoStep;

/// <summary>S7: two-step verification, where the account has it on: a code by SMS through a real gateway, or from an authenticator app.</summary>
public sealed class TwoStepWalkTests
{
    [Fact]
    public async Task SMS_through_kannel_authenticator_recovery_code_and_a_trusted_device()
    {
        await using var kannel = await KannelGateway.StartAsync(TestContext.Current.CancellationToken);
        await using var server = await TestServer.StartAsync(
            new FakeTime(),
            o => o with { Sms = new SmsOptions { Sender = "kannel", KannelUrl = kannel.Url, KannelUser = KannelGateway.User, KannelPasswordFile = kannel.PasswordFile, From = "Kpm" } });
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        var number = TwoStepSteps.NewNumber();

        // The phone first: the code of the SMS proves the number.
        var started = await server.StartPhoneAsync(owner, number);
        var sms = await kannel.WaitAsync(number);
        Assert.Contains("Kpm", sms.Text, StringComparison.Ordinal);
        var confirmed = await server.Verification.ConfirmPhoneAsync(new ConfirmPhoneRequest { Ticket = started.Ticket, Code = sms.Code }, owner.Call);
        Assert.Equal(10, confirmed.RecoveryCodes.Count);
        server.Clock.Advance(TimeSpan.FromMinutes(1));

        // A second device signs in with password and SMS.
        using var second = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(second, email);
        await server.SendCodeAsync(step.Ticket);
        await server.SecondStepAsync(second, step.Ticket, new SecondFactor { SmsCode = (await kannel.WaitAsync(number, 2)).Code });
        Assert.Equal(owner.AccountId, second.AccountId);
        server.Clock.Advance(TimeSpan.FromMinutes(1));

        // The authenticator app beside it, set up with a fresh code by SMS.
        await server.SendCodeAsync("", owner);
        var (app, none) = await server.AddAuthenticatorAsync(owner, new SecondFactor { SmsCode = (await kannel.WaitAsync(number, 3)).Code });
        Assert.Empty(none);
        using var third = new TestDevice(server.Time);
        step = await server.FirstStepAsync(third, email);
        Assert.Equal([TwoStepMethod.Authenticator, TwoStepMethod.Sms, TwoStepMethod.RecoveryCode], step.Methods);
        var token = (await server.SecondStepAsync(third, step.Ticket, app.Factor(), trust: true)).TrustedDeviceToken;

        // The trusted device signs in with the password alone; a recovery code opens the door when all else is lost.
        var response = await server.Accounts.SignInAsync(new SignInRequest { Email = email, Password = AccountSteps.Password, Device = third.Info, TrustedDeviceToken = token });
        Assert.NotNull(response.SignedIn);
        using var fourth = new TestDevice(server.Time);
        step = await server.FirstStepAsync(fourth, email);
        await server.SecondStepAsync(fourth, step.Ticket, new SecondFactor { RecoveryCode = confirmed.RecoveryCodes[7] });
        Assert.Equal(8, Assert.Single((await server.SettingsAsync(fourth)).RecoveryCodes, c => c.UsedAt is not null).Number);

        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "sms") == 0);
        Assert.Equal(3, kannel.Received.Count(m => m.To == number));
        Assert.DoesNotContain(number[1..], server.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gateway_that_is_down_or_refuses_loses_nothing()
    {
        await using var kannel = await KannelGateway.StartAsync(TestContext.Current.CancellationToken);
        var password = await File.ReadAllTextAsync(kannel.PasswordFile, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(kannel.PasswordFile, "wrong", TestContext.Current.CancellationToken);
        await using var server = await TestServer.StartAsync(
            new FakeTime(), o => o with { Sms = new SmsOptions { Sender = "kannel", KannelUrl = kannel.Url, KannelUser = KannelGateway.User, KannelPasswordFile = kannel.PasswordFile, From = "+15005550006" } });
        using var owner = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();
        await server.StartPhoneAsync(owner, number);
        await Eventually.TrueAsync(() => server.Logs.Lines.Any(l => l.Id == 3001));
        Assert.Contains("kannel answered 403", server.Logs.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(kannel.Received, m => m.To == number);

        // The file is read each time: a repaired password needs no restart.
        await File.WriteAllTextAsync(kannel.PasswordFile, password, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() =>
        {
            server.Clock.Advance(TimeSpan.FromMilliseconds(500));
            return kannel.Received.Any(m => m.To == number);
        });
        await kannel.WaitAsync(number);
        Assert.DoesNotContain("wrong", server.Logs.Text, StringComparison.Ordinal);
    }
}
