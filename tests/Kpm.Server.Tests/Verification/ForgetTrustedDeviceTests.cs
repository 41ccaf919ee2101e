using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class ForgetTrustedDeviceTests
{
    private static ForgetTrustedDeviceRequest Request(TestDevice device) => new() { RequestId = Guid.CreateVersion7().ToString(), DeviceId = device.DeviceId.ToString() };

    [Fact]
    public async Task The_device_is_asked_for_the_second_step_again()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        using var stranger = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        using var device = new TestDevice(server.Time);
        var email = owner.Account!.Email;
        var token = (await server.SecondStepAsync(device, (await server.FirstStepAsync(device, email)).Ticket, app.Factor(), trust: true)).TrustedDeviceToken;
        await Refused.WithAsync(ErrorReason.NotFound, server.Verification.ForgetTrustedDeviceAsync(Request(device), stranger.Call));
        await Refused.WithAsync(ErrorReason.NotFound, server.Verification.ForgetTrustedDeviceAsync(Request(owner), owner.Call));
        Assert.Equal(1, Snapshot.Rows(server.Database, "trusted_device"));

        var request = Request(device);
        await server.Verification.ForgetTrustedDeviceAsync(request, owner.Call);

        await server.FirstStepAsync(device, email, token);
        // A repetition is answered, a new request has nothing to forget.
        await server.Verification.ForgetTrustedDeviceAsync(request, owner.Call);
        await Refused.WithAsync(ErrorReason.NotFound, server.Verification.ForgetTrustedDeviceAsync(Request(device), owner.Call));
    }
}
