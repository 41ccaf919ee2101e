using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class GenerateRecoveryCodesTests
{
    private static GenerateRecoveryCodesRequest Request(SecondFactor? factor) => new() { Reauthentication = TwoStepSteps.Reauthenticate(factor) };

    [Fact]
    public async Task New_codes_end_the_former_ones()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (app, former) = await server.AddAuthenticatorAsync(device);
        await Refused.WithAsync(ErrorReason.SecondFactorRequired, server.Verification.GenerateRecoveryCodesAsync(Request(null), device.Call));

        var codes = (await server.Verification.GenerateRecoveryCodesAsync(Request(app.Factor()), device.Call)).RecoveryCodes;

        Assert.Equal(10, codes.Except(former, StringComparer.Ordinal).Count());
        using var other = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(other, device.Account!.Email);
        await Refused.WithAsync(
            ErrorReason.SecondFactorInvalid,
            server.Verification.CompleteTwoStepAsync(new CompleteTwoStepRequest { Ticket = step.Ticket, SecondFactor = new SecondFactor { RecoveryCode = former[0] } }));
        await server.SecondStepAsync(other, step.Ticket, new SecondFactor { RecoveryCode = codes[9] });
        // Activation, factor added, codes generated, code used, new device.
        await Eventually.TrueAsync(() => server.Mails.To(device.Account.Email).Count == 5);
    }

    [Fact]
    public async Task Every_code_works_once_and_the_last_one_is_no_longer_offered()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (_, codes) = await server.AddAuthenticatorAsync(device);
        foreach (var code in codes)
        {
            var step = await server.FirstStepAsync(device, device.Account!.Email);
            Assert.Contains(TwoStepMethod.RecoveryCode, step.Methods);
            await server.SecondStepAsync(device, step.Ticket, new SecondFactor { RecoveryCode = code });
        }

        Assert.DoesNotContain(TwoStepMethod.RecoveryCode, (await server.FirstStepAsync(device, device.Account!.Email)).Methods);
        Assert.All((await server.SettingsAsync(device)).RecoveryCodes, c => Assert.NotNull(c.UsedAt));
    }

    [Fact]
    public async Task There_are_none_without_a_factor()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();

        await Refused.WithAsync(ErrorReason.FactorNotSetUp, server.Verification.GenerateRecoveryCodesAsync(Request(null), device.Call));
        Assert.Equal(0, Snapshot.Rows(server.Database, "recovery_code"));
    }
}
