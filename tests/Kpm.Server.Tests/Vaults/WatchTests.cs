using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

public sealed class WatchTests
{
    [Fact]
    public async Task It_shows_what_is_there_and_then_what_comes()
    {
        await using var server = await TestServer.StartAsync();
        var writer = await server.EnrolAsync();
        var reader = await server.LinkAsync(writer.Email);
        await server.FillAsync(writer, 100);
        using var watch = server.Vault.Watch(new WatchRequest(), reader.Session.Headers, cancellationToken: Token);
        var changes = new List<Change>();

        Assert.Equal(101UL, (await NextAsync(watch)).Welcome.HeadSeq);
        await UntilAsync(watch, changes, m => m.CaughtUp is not null);
        Assert.Equal(101, changes.Count);
        await server.FillAsync(writer, 2);
        await UntilAsync(watch, changes, _ => changes.Count == 103);
        Assert.Equal(server.Log(writer), changes);
    }

    [Fact]
    public async Task It_resumes_from_a_cursor_or_says_why_not()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await server.FillAsync(device, 5);
        var hash = VaultSteps.ChainHash(server.Log(device), 4);
        using (var watch = server.Vault.Watch(new WatchRequest { Generation = 1, Cursor = 4, ChainHash = hash }, device.Session.Headers, cancellationToken: Token))
        {
            await NextAsync(watch);
            Assert.Equal([5UL, 6], (await NextAsync(watch)).Changes.Entries.Select(c => c.Seq));
        }

        using var other = server.Vault.Watch(new WatchRequest { Generation = 1, Cursor = 3, ChainHash = hash }, device.Session.Headers, cancellationToken: Token);
        await NextAsync(other);
        Assert.Equal(ResyncReason.ChainMismatch, (await NextAsync(other)).ResyncRequired.Reason);
        Assert.False(await other.ResponseStream.MoveNext(Token));

        await Refused.WithAsync(ErrorReason.InvalidRequest, async () =>
        {
            using var bad = server.Vault.Watch(new WatchRequest { Generation = 1, Cursor = 3 }, device.Session.Headers, cancellationToken: Token);
            await NextAsync(bad);
        });
    }

    [Fact]
    public async Task It_ends_with_its_token()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        using var watch = server.Vault.Watch(new WatchRequest(), device.Session.Headers, cancellationToken: Token);
        var changes = new List<Change>();
        await UntilAsync(watch, changes, m => m.CaughtUp is not null);

        time.Advance(TimeSpan.FromSeconds(33));
        Assert.Equal(1UL, (await NextAsync(watch)).Ping.HeadSeq);
        time.Advance(TimeSpan.FromMinutes(15));
        await UntilAsync(watch, changes, m => m.GoAway?.Reason == GoAwayReason.TokenExpired);
        Assert.False(await watch.ResponseStream.MoveNext(Token));
    }

    [Fact]
    public async Task It_is_the_devices_one_stream()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        using var watch = server.Vault.Watch(new WatchRequest(), device.Session.Headers, cancellationToken: Token);
        await UntilAsync(watch, [], m => m.CaughtUp is not null);
        await using var sync = await SyncClient.LiveAsync(server, device.Session);

        Assert.Equal(GoAwayReason.Replaced, (await NextAsync(watch)).GoAway.Reason);
        Assert.False(await watch.ResponseStream.MoveNext(Token));
    }

    [Fact]
    public async Task It_ends_with_its_session()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var lost = await server.LinkAsync(owner.Email);
        using var watch = server.Vault.Watch(new WatchRequest(), lost.Session.Headers, cancellationToken: Token);
        await UntilAsync(watch, [], m => m.CaughtUp is not null);
        await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = Guid.CreateVersion7().ToWire(), DeviceId = lost.Session.DeviceId.ToWire() }, owner.Call);

        await server.FillAsync(owner, 1);
        await Refused.WithAsync(ErrorReason.SessionInvalid, () => NextAsync(watch));
    }

    [Fact]
    public async Task A_lost_hint_is_healed_by_the_heartbeat()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        using var watch = server.Vault.Watch(new WatchRequest(), device.Session.Headers, cancellationToken: Token);
        var changes = new List<Change>();
        await UntilAsync(watch, changes, m => m.CaughtUp is not null);
        ((Kpm.Server.Vaults.Streams.VaultFeeds)server.Services.GetService(typeof(Kpm.Server.Vaults.Streams.VaultFeeds))!).LoseHints = true;
        await server.FillAsync(device, 2);

        time.Advance(TimeSpan.FromSeconds(33));
        await UntilAsync(watch, changes, _ => changes.Count == 3);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static async Task<WatchResponse> NextAsync(AsyncServerStreamingCall<WatchResponse> watch)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Assert.True(await watch.ResponseStream.MoveNext(patience.Token));
        return watch.ResponseStream.Current;
    }

    private static async Task UntilAsync(AsyncServerStreamingCall<WatchResponse> watch, List<Change> changes, Func<WatchResponse, bool> reached)
    {
        while (true)
        {
            var message = await NextAsync(watch);
            changes.AddRange(message.Changes?.Entries ?? []);
            if (reached(message))
            {
                return;
            }
        }
    }
}
