using Kpm.Server.Tests.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class RenameDeviceTests
{
    [Fact]
    public async Task Any_device_of_the_account_gets_the_name()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var first = await server.CreateActiveAsync();
        using var second = await server.SignInAsync(first.Account!.Email);

        var renamed = (await server.Accounts.RenameDeviceAsync(Request(second, "Küche"), first.Call)).Device;

        Assert.Equal("Küche", renamed.Name);
        Assert.False(renamed.Current);
        Assert.Equal(["Küche", "Test device"], (await server.Accounts.ListDevicesAsync(new ListDevicesRequest(), first.Call)).Devices.Select(d => d.Name).Order(StringComparer.Ordinal));
        var noted = (await server.EventsAsync(first))[^1];
        Assert.Equal((SecurityEventKind.DeviceRenamed, second.Info.DeviceId, $"by={first.Info.DeviceId}"), (noted.Kind, noted.DeviceId, noted.Detail));
    }

    [Fact]
    public async Task A_stranger_s_device_is_not_found()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        using var stranger = await server.CreateActiveAsync();
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.RenameDeviceAsync(Request(stranger, "Mine"), device.Call));

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task Repeating_it_returns_the_first_result()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var request = Request(device, "One");
        var first = await server.Accounts.RenameDeviceAsync(request, device.Call);
        await server.Accounts.RenameDeviceAsync(Request(device, "Two"), device.Call);

        Assert.Equal(first, await server.Accounts.RenameDeviceAsync(request, device.Call));
        Assert.Equal("Two", (await server.Accounts.ListDevicesAsync(new ListDevicesRequest(), device.Call)).Devices.Single().Name);
        request.Name = "Three";
        await Refused.WithAsync(ErrorReason.RequestIdReused, server.Accounts.RenameDeviceAsync(request, device.Call));
    }

    private static RenameDeviceRequest Request(TestDevice device, string name) => new() { RequestId = LifecycleSteps.NewId(), DeviceId = device.Info.DeviceId, Name = name };
}
