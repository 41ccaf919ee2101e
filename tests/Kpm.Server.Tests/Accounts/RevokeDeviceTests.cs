using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class RevokeDeviceTests
{
    private static RevokeDeviceRequest Request(Guid deviceId) => new() { RequestId = Guid.CreateVersion7().ToString(), DeviceId = deviceId.ToString() };

    [Fact]
    public async Task A_revoked_device_is_out_at_once_and_its_id_can_not_come_back()
    {
        await using var server = await TestServer.StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var lost = await server.SignInAsync(owner.Account!.Email);
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), lost.Call));

        var revoked = (await server.Accounts.RevokeDeviceAsync(Request(lost.DeviceId), owner.Call)).Device;

        Assert.NotNull(revoked.RevokedAt);
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), lost.Call));
        await Refused.WithAsync(
            ErrorReason.DeviceConflict,
            server.Accounts.SignInAsync(new SignInRequest { Email = owner.Account.Email, Password = AccountSteps.Password, Device = lost.Info }));
        var listed = (await server.Accounts.ListDevicesAsync(new ListDevicesRequest(), owner.Call)).Devices;
        Assert.Equal([false, true], listed.OrderBy(d => d.RevokedAt is not null).Select(d => d.RevokedAt is not null));
    }

    [Fact]
    public async Task A_repeated_request_returns_the_first_result_and_other_content_under_its_id_is_refused()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var owner = await server.CreateActiveAsync();
        using var lost = await server.SignInAsync(owner.Account!.Email);
        using var kept = await server.SignInAsync(owner.Account.Email);
        var request = Request(lost.DeviceId);
        var first = await server.Accounts.RevokeDeviceAsync(request, owner.Call);
        time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(first, await server.Accounts.RevokeDeviceAsync(request, owner.Call));

        var other = new RevokeDeviceRequest { RequestId = request.RequestId, DeviceId = kept.DeviceId.ToString() };
        await Refused.WithAsync(ErrorReason.RequestIdReused, server.Accounts.RevokeDeviceAsync(other, owner.Call));
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), kept.Call));

        // The id is the session's: another session may use it for something else.
        await server.Accounts.RevokeDeviceAsync(other, kept.Call);
    }

    [Fact]
    public async Task A_request_id_is_forgotten_after_24_hours()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var owner = await server.CreateActiveAsync();
        using var lost = await server.SignInAsync(owner.Account!.Email);
        await server.Accounts.RevokeDeviceAsync(Request(lost.DeviceId), owner.Call);
        Assert.Equal(1, Snapshot.Rows(server.Database, "request"));

        time.Advance(TimeSpan.FromHours(24) - TimeSpan.FromMinutes(2));
        await Task.Delay(200, TestContext.Current.CancellationToken);
        Assert.Equal(1, Snapshot.Rows(server.Database, "request"));
        time.Advance(TimeSpan.FromMinutes(5));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "request") == 0);
    }

    [Fact]
    public async Task A_device_may_revoke_itself_and_hear_it_twice()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var request = Request(device.DeviceId);

        var first = await server.Accounts.RevokeDeviceAsync(request, device.Call);

        Assert.Equal(first, await server.Accounts.RevokeDeviceAsync(request, device.Call));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
    }

    [Fact]
    public async Task Somebody_elses_device_is_not_found()
    {
        await using var server = await TestServer.StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var stranger = await server.CreateActiveAsync();
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.RevokeDeviceAsync(Request(stranger.DeviceId), owner.Call));
        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.RevokeDeviceAsync(Request(Guid.CreateVersion7()), owner.Call));

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task A_pending_account_has_no_devices_to_revoke()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();

        await Refused.WithAsync(ErrorReason.ActivationRequired, server.Accounts.RevokeDeviceAsync(Request(device.DeviceId), device.Call));
    }
}
