using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class ListDevicesTests
{
    [Fact]
    public async Task Devices_come_newest_first_page_by_page_without_gap_or_repetition()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var first = await server.CreateActiveAsync();
        var expected = new List<string> { first.DeviceId.ToString() };
        for (var i = 0; i < 6; i++)
        {
            // Two of each time: the order is total nevertheless.
            time.Advance(TimeSpan.FromSeconds(i % 2));
            using var device = await server.SignInAsync(first.Account!.Email);
            expected.Add(device.DeviceId.ToString());
        }

        var seen = new List<Device>();
        var request = new ListDevicesRequest { PageSize = 3 };
        var sizes = new List<int>();
        do
        {
            var page = await server.Accounts.ListDevicesAsync(request, first.Call);
            seen.AddRange(page.Devices);
            sizes.Add(page.Devices.Count);
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);

        Assert.Equal([3, 3, 1], sizes);
        Assert.Equal(expected.Order(), seen.Select(d => d.DeviceId).Order());
        Assert.Equal(seen.Select(d => d.LinkedAt.ToDateTimeOffset()).OrderDescending(), seen.Select(d => d.LinkedAt.ToDateTimeOffset()));
        Assert.Equal(first.DeviceId.ToString(), Assert.Single(seen, d => d.Current).DeviceId);
    }

    [Fact]
    public async Task A_page_token_is_good_for_its_own_list_only()
    {
        await using var server = await TestServer.StartAsync();
        using var first = await server.CreateActiveAsync();
        using var second = await server.SignInAsync(first.Account!.Email);
        using var stranger = await server.CreateActiveAsync();
        var token = (await server.Accounts.ListDevicesAsync(new ListDevicesRequest { PageSize = 1 }, first.Call)).NextPageToken;

        foreach (var (device, bad) in new[] { (first, "not a token"), (first, token[..^2]), (stranger, token) })
        {
            var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.ListDevicesAsync(new ListDevicesRequest { PageToken = bad }, device.Call));
            Assert.Equal(["page_token"], refused.FieldNames);
        }
    }

    [Fact]
    public async Task Last_seen_follows_the_calls_and_survives_a_restart()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        time.Advance(TimeSpan.FromMinutes(5));
        var lastCall = time.GetUtcNow();
        await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call);

        await server.RestartAsync();
        time.Advance(TimeSpan.FromMinutes(3));

        Assert.Equal(lastCall, (await server.Accounts.ListDevicesAsync(new ListDevicesRequest(), device.Call)).Devices.Single().LastSeenAt.ToDateTimeOffset());
    }

    [Fact]
    public async Task Each_device_shows_how_many_changes_it_has_not_acknowledged()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var other = await server.EnrolAsync(device.Email);
        var lost = await server.LinkAsync(device.Email);
        await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = Guid.CreateVersion7().ToString("D"), DeviceId = lost.Session.DeviceId.ToString("D") }, device.Call);
        await using var stream = await SyncClient.LiveAsync(server, other.Session);
        await stream.AckAsync();
        await server.FillAsync(device, 7);
        await stream.UntilAsync(() => stream.Cursor == 9);

        await Eventually.TrueAsync(() => Lags(server, device) == (9, 7, 0));
        await stream.AckAsync();
        await Eventually.TrueAsync(() => Lags(server, device) == (9, 0, 0));
        await stream.DisposeAsync();
        await server.FillAsync(device, 1);
        await Eventually.TrueAsync(() => Lags(server, device) == (10, 1, 0));

        (ulong, ulong, ulong) Lags(TestServer server, VaultDevice by)
        {
            var devices = server.Accounts.ListDevices(new ListDevicesRequest(), by.Call).Devices.ToDictionary(d => d.DeviceId, d => d.UnacknowledgedChanges, StringComparer.Ordinal);
            return (Of(device), Of(other), Of(lost));

            ulong Of(VaultDevice d) => devices[d.Session.DeviceId.ToString("D")];
        }
    }
}
