using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class GetTwoStepSettingsTests
{
    [Fact]
    public async Task Nothing_is_on_at_first_and_each_account_sees_its_own()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        using var stranger = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();
        await server.AddPhoneAsync(device, number);

        var settings = await server.SettingsAsync(device);
        Assert.True(settings.Enabled);
        Assert.Null(settings.AuthenticatorSince);
        Assert.Equal(10, settings.RecoveryCodes.Count);
        Assert.Equal(new GetTwoStepSettingsResponse(), await server.SettingsAsync(stranger));
    }

    [Fact]
    public async Task It_wants_an_activated_session()
    {
        await using var server = await TestServer.StartAsync();
        using var pending = await server.CreatePendingAsync();

        await Refused.WithAsync(ErrorReason.ActivationRequired, server.Verification.GetTwoStepSettingsAsync(new GetTwoStepSettingsRequest(), pending.Call));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Verification.GetTwoStepSettingsAsync(new GetTwoStepSettingsRequest()));
    }
}
