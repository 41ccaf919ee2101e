using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class RemoveFactorTests
{
    private static RemoveFactorRequest Request(TwoStepMethod method, SecondFactor? factor) =>
        new() { RequestId = Guid.CreateVersion7().ToString(), Method = method, Reauthentication = TwoStepSteps.Reauthenticate(factor) };

    private static AsyncUnaryCall<RemoveFactorResponse> Remove(TestServer server, TestDevice device, TwoStepMethod method, SecondFactor? factor) =>
        server.Verification.RemoveFactorAsync(Request(method, factor), device.Call);

    [Fact]
    public async Task Without_the_last_factor_two_step_is_off_and_the_recovery_codes_end()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (app, codes) = await server.AddAuthenticatorAsync(device);
        await server.AddPhoneAsync(device, TwoStepSteps.NewNumber(), app.Factor());
        using var trusted = new TestDevice(server.Time);
        await server.SecondStepAsync(trusted, (await server.FirstStepAsync(trusted, device.Account!.Email)).Ticket, new SecondFactor { RecoveryCode = codes[0] }, trust: true);
        server.Clock.Advance(TwoStepSteps.Step);

        Assert.True((await Remove(server, device, TwoStepMethod.Authenticator, app.Factor())).Enabled);

        Assert.Equal(0, Snapshot.Rows(server.Database, "trusted_device"));
        Assert.Equal(10, Snapshot.Rows(server.Database, "recovery_code"));
        Assert.Null((await server.SettingsAsync(device)).AuthenticatorSince);
        await Refused.WithAsync(ErrorReason.FactorNotSetUp, Remove(server, device, TwoStepMethod.Authenticator, new SecondFactor { RecoveryCode = codes[1] }));

        Assert.False((await Remove(server, device, TwoStepMethod.Sms, new SecondFactor { RecoveryCode = codes[1] })).Enabled);

        Assert.Equal(new GetTwoStepSettingsResponse(), await server.SettingsAsync(device));
        Assert.Equal(0, Snapshot.Rows(server.Database, "recovery_code"));
        Assert.Equal(0, Snapshot.Rows(server.Database, "sms_code"));
        Assert.NotNull(await server.SignInAsync(device.Account.Email));
        // Activation, 2 added, 2 recovery codes used, new device, 2 removed, another new device.
        await Eventually.TrueAsync(() => server.Mails.To(device.Account.Email).Count == 9);
        Assert.Equal(2, server.Mails.To(device.Account.Email).Count(m => m.Subject.Contains("entfernt", StringComparison.OrdinalIgnoreCase)));
    }

    [Fact]
    public async Task A_repetition_gets_the_first_result_though_its_factor_is_used_up()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(device);
        var request = Request(TwoStepMethod.Authenticator, app.Factor());

        var first = await server.Verification.RemoveFactorAsync(request, device.Call);
        var before = Snapshot.Of(server.Database)["security_event"];
        Assert.Equal(first, await server.Verification.RemoveFactorAsync(request, device.Call));
        Assert.Equal(before, Snapshot.Of(server.Database)["security_event"]);

        var other = request.Clone();
        other.Method = TwoStepMethod.Sms;
        await Refused.WithAsync(ErrorReason.RequestIdReused, server.Verification.RemoveFactorAsync(other, device.Call));
    }

    [Fact]
    public async Task It_takes_a_fresh_second_factor()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(device);

        await Refused.WithAsync(ErrorReason.SecondFactorRequired, Remove(server, device, TwoStepMethod.Authenticator, null));
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Remove(server, device, TwoStepMethod.Authenticator, new SecondFactor { AuthenticatorCode = app.WrongCode() }));
        // The code that turned it on is used.
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Remove(server, device, TwoStepMethod.Authenticator, app.Factor(-1)));
        await Refused.WithAsync(ErrorReason.FactorNotSetUp, Remove(server, device, TwoStepMethod.Sms, app.Factor()));
        var field = await Refused.WithAsync(ErrorReason.InvalidRequest, Remove(server, device, TwoStepMethod.RecoveryCode, app.Factor()));
        Assert.Equal("method", Assert.Single(field.Fields).Field);
        Assert.True((await server.SettingsAsync(device)).Enabled);
    }
}
