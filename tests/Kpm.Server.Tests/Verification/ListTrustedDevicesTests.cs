using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class ListTrustedDevicesTests
{
    [Fact]
    public async Task They_come_in_pages_newest_first_until_they_lapse()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        var devices = new List<TestDevice>();
        for (var i = 0; i < 3; i++)
        {
            var device = new TestDevice(server.Time);
            await server.SecondStepAsync(device, (await server.FirstStepAsync(device, owner.Account!.Email)).Ticket, app.Factor(), trust: true);
            devices.Insert(0, device);
            server.Clock.Advance(TwoStepSteps.Step);
        }

        var first = await server.Verification.ListTrustedDevicesAsync(new ListTrustedDevicesRequest { PageSize = 2 }, owner.Call);
        var second = await server.Verification.ListTrustedDevicesAsync(new ListTrustedDevicesRequest { PageSize = 2, PageToken = first.NextPageToken }, owner.Call);

        Assert.Equal(devices.Select(d => d.DeviceId.ToString()), first.TrustedDevices.Concat(second.TrustedDevices).Select(d => d.DeviceId));
        Assert.Equal("", second.NextPageToken);
        Assert.All(first.TrustedDevices, d =>
        {
            Assert.Equal("Test device", d.Name);
            Assert.Equal(TimeSpan.FromDays(30), d.ExpiresAt.ToDateTimeOffset() - d.TrustedAt.ToDateTimeOffset());
        });

        server.Clock.Advance(TimeSpan.FromDays(30) - (2 * TwoStepSteps.Step));
        await server.RefreshAsync(devices[0]);
        Assert.Single((await server.Verification.ListTrustedDevicesAsync(new ListTrustedDevicesRequest(), devices[0].Call)).TrustedDevices);
        devices.ForEach(d => d.Dispose());
    }

    [Fact]
    public async Task A_revoked_device_is_not_trusted_any_more()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        using var device = new TestDevice(server.Time);
        await server.SecondStepAsync(device, (await server.FirstStepAsync(device, owner.Account!.Email)).Ticket, app.Factor(), trust: true);

        await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = Guid.CreateVersion7().ToString(), DeviceId = device.DeviceId.ToString() }, owner.Call);

        Assert.Empty((await server.Verification.ListTrustedDevicesAsync(new ListTrustedDevicesRequest(), owner.Call)).TrustedDevices);
        Assert.Equal(0, Snapshot.Rows(server.Database, "trusted_device"));
    }
}
