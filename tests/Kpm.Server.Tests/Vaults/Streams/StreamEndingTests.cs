using Kpm.Server.Tests.Hosting;
using Kpm.Server.Vaults.Streams;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Vaults.Streams;

/// <summary>How a Sync stream ends, and what may still follow.</summary>
public sealed class StreamEndingTests
{
    [Fact]
    public async Task A_newer_stream_of_the_device_replaces_the_older()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var other = await server.LinkAsync(device.Email);
        await using var older = await SyncClient.LiveAsync(server, device.Session);
        await using var untouched = await SyncClient.LiveAsync(server, other.Session);
        await using var newer = await SyncClient.LiveAsync(server, device.Session);

        Assert.Equal(GoAwayReason.Replaced, (await older.NextAsync(m => m.GoAway)).Reason);
        await older.EndAsync();
        await newer.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0));
        await newer.UntilAsync(m => m.OpResult);
        await untouched.UntilAsync(() => untouched.Changes.Count == 2);
    }

    [Fact]
    public async Task A_revoked_device_hears_so_and_no_vault_byte_after_it()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var lost = await server.EnrolAsync(owner.Email);
        await using var stream = await SyncClient.LiveAsync(server, lost.Session);
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    await server.FillAsync(owner, 5, 20);
                }
            },
            TestContext.Current.CancellationToken);
        await stream.UntilAsync(() => stream.Changes.Count > 20);
        await server.Accounts.RevokeDeviceAsync(RevokeRequest(lost), owner.Call);
        var head = server.Log(owner)[^1].Seq;

        Assert.Equal(RevokedReason.DeviceRevoked, (await stream.UntilAsync(m => m.Revoked)).Reason);
        Assert.True(stream.Cursor <= head);
        await stop.CancelAsync();
        await writing;
        await server.FillAsync(owner, 5);
        await stream.PushAsync(lost.Author.Put(Guid.CreateVersion7(), 0));
        await stream.SendAsync(new SyncRequest { RevokedAck = new RevokedAck() });
        await stream.EndAsync();

        await Refused.WithAsync(ErrorReason.SessionInvalid, () => server.PushAsync(lost, lost.Author.Put(Guid.CreateVersion7(), 0)));
        Assert.DoesNotContain(server.Log(owner), c => c.Kind == OperationKind.Put && c.Header.Span.Slice(48, 16).SequenceEqual(lost.Session.DeviceId.ToBytes()));
        var shown = (await server.Accounts.ListDevicesAsync(new ListDevicesRequest(), owner.Call)).Devices.Single(d => d.DeviceId == lost.Session.DeviceId.ToWire());
        Assert.NotNull(shown.RevocationAcknowledgedAt);
        Assert.False(shown.Online);
        Assert.True((await server.Vault.ListDeviceKeysAsync(new ListDeviceKeysRequest(), owner.Call)).DeviceKeys.Single(k => k.DeviceId == lost.Session.DeviceId.ToWire()).Revoked);
    }

    [Fact]
    public async Task Without_a_receipt_a_revoked_stream_ends_by_itself()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        await server.Accounts.SignOutAsync(new SignOutRequest { RequestId = Guid.CreateVersion7().ToWire() }, device.Call);

        Assert.Equal(RevokedReason.SignedOut, (await stream.NextAsync(m => m.Revoked)).Reason);
        var end = stream.EndAsync();
        while (!end.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(end, Task.Delay(20, TestContext.Current.CancellationToken));
        }

        await end;
    }

    [Fact]
    public async Task A_revocation_does_not_wait_for_a_client_that_does_not_read()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var lost = await server.LinkAsync(owner.Email);
        using var channel = server.NewChannel();
        await using var stuck = await SyncClient.LiveAsync(server, lost.Session, channel: channel);
        for (var i = 0; i < 8; i++)
        {
            await server.PushAsync(owner, owner.Author.Put(Guid.CreateVersion7(), 0, new byte[200_000]));
        }

        var feeds = server.Services.GetRequiredService<VaultFeeds>();
        Assert.Single(feeds.Streams(owner.Session.AccountId));
        await server.Accounts.RevokeDeviceAsync(RevokeRequest(lost), owner.Call);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (feeds.Streams(owner.Session.AccountId).Count > 0)
        {
            await Task.Delay(20, patience.Token);
        }
    }

    [Fact]
    public async Task A_hundred_streams_of_an_account_end_when_their_devices_do()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var streams = new List<(VaultDevice Device, SyncClient Stream)>();
        for (var i = 0; i < 100; i++)
        {
            var device = await server.LinkAsync(owner.Email);
            streams.Add((device, await SyncClient.LiveAsync(server, device.Session)));
        }

        await Task.WhenAll(streams.Select(async s =>
        {
            await server.Accounts.RevokeDeviceAsync(RevokeRequest(s.Device), owner.Call);
            Assert.Equal(RevokedReason.DeviceRevoked, (await s.Stream.NextAsync(m => m.Revoked)).Reason);
            await s.Stream.CompleteAsync();
            await s.Stream.EndAsync();
            await s.Stream.DisposeAsync();
        }));
        Assert.Empty(server.Services.GetRequiredService<VaultFeeds>().Streams(owner.Session.AccountId));
    }

    [Fact]
    public async Task A_token_is_announced_to_expire_and_then_ends_the_stream()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        await SettleAsync(server, stream, device);

        await PassAsync(server, stream, device, TimeSpan.FromMinutes(14) - TimeSpan.FromSeconds(1));
        Assert.Null(stream.TokenExpiring);
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(device.Session.Session!.AccessExpiresAt, (await stream.UntilAsync(m => m.TokenExpiring)).ExpiresAt);
        await PassAsync(server, stream, device, TimeSpan.FromSeconds(59));
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(GoAwayReason.TokenExpired, (await stream.UntilAsync(m => m.GoAway)).Reason);
        await stream.EndAsync();
    }

    [Fact]
    public async Task A_token_is_renewed_inside_the_stream()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        await SettleAsync(server, stream, device);
        await PassAsync(server, stream, device, TimeSpan.FromMinutes(14) + TimeSpan.FromSeconds(30));
        Assert.Equal(device.Session.Session!.AccessExpiresAt, stream.TokenExpiring!.ExpiresAt);

        await server.RefreshAsync(device.Session);
        await stream.SendAsync(Reauth(device.Session, device.Session.Session!.AccessToken));
        await RoundTripAsync(stream, device);
        await SettleAsync(server, stream, device);
        await PassAsync(server, stream, device, TimeSpan.FromMinutes(14) + TimeSpan.FromSeconds(30));
        Assert.Equal(device.Session.Session!.AccessExpiresAt, stream.TokenExpiring!.ExpiresAt);
    }

    [Fact]
    public async Task A_token_is_renewed_by_its_own_device_only()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var other = await server.LinkAsync(device.Email);

        await RefusedReauthAsync(server, device, Reauth(device.Session, other.Session.Session!.AccessToken), ErrorReason.SessionInvalid);
        await RefusedReauthAsync(server, device, Reauth(device.Session, "nonsense"), ErrorReason.SessionInvalid);
        await RefusedReauthAsync(server, device, Reauth(other.Session, device.Session.Session!.AccessToken), ErrorReason.DeviceProofInvalid);
    }

    [Theory]
    [InlineData(119, false)]
    [InlineData(120, true)]
    public async Task What_is_not_acknowledged_for_two_minutes_ends_the_stream(int seconds, bool ends)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);

        time.Advance(TimeSpan.FromSeconds(seconds));
        if (ends)
        {
            Assert.Equal(GoAwayReason.Stalled, (await stream.UntilAsync(m => m.GoAway)).Reason);
            await stream.EndAsync();
        }
        else
        {
            await RoundTripAsync(stream, device);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_answers_no_ping_for_two_minutes_is_gone(bool answers)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        await RoundTripAsync(stream, device);
        await SettleAsync(server, stream, device);

        time.Advance(TimeSpan.FromSeconds(33));
        Assert.Equal(2UL, (await stream.UntilAsync(m => m.Ping)).HeadSeq);
        if (answers)
        {
            await stream.SendAsync(new SyncRequest { Pong = new Pong() });
            await RoundTripAsync(stream, device);
            await SettleAsync(server, stream, device);
            time.Advance(TimeSpan.FromSeconds(119));
            await RoundTripAsync(stream, device);
        }
        else
        {
            time.Advance(TimeSpan.FromSeconds(120));
            Assert.Equal(GoAwayReason.Stalled, (await stream.UntilAsync(m => m.GoAway)).Reason);
            await stream.EndAsync();
        }
    }

    [Theory]
    [InlineData(-1.0, 27)]
    [InlineData(0.0, 30)]
    [InlineData(1.0, 33)]
    public async Task A_ping_comes_every_thirty_seconds_give_or_take_a_tenth(double jitter, int seconds)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, adjust: services => services.AddSingleton<Jitter>(() => jitter));
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);

        time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
        await RoundTripAsync(stream, device);
        Assert.False(stream.Pinged);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await stream.UntilAsync(m => m.Ping);
    }

    [Fact]
    public async Task A_server_that_stops_says_so_and_answers_what_it_has_read()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        await stream.PushAsync([.. Enumerable.Range(0, 64).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0, [1]))]);
        await stream.UntilAsync(m => m.OpResult);
        var stopping = server.StopAsync(keepChannel: true);

        var goAway = await stream.UntilAsync(m => m.GoAway);
        Assert.Equal(GoAwayReason.Draining, goAway.Reason);
        Assert.True(goAway.RetryAfter.ToTimeSpan() > TimeSpan.Zero);
        while (await stream.NextAsync() is not null)
        {
        }

        Assert.Equal(64, stream.Results.Count);
        await stopping;
    }

    private static RevokeDeviceRequest RevokeRequest(VaultDevice device) => new() { RequestId = Guid.CreateVersion7().ToWire(), DeviceId = device.Session.DeviceId.ToWire() };

    private static SyncRequest Reauth(TestDevice device, string token) => new()
    {
        Reauth = new Reauth { AccessToken = token, Proof = device.Prove(TestDevice.SyncMethod, token) },
    };

    private static async Task RefusedReauthAsync(TestServer server, VaultDevice device, SyncRequest reauth, ErrorReason reason)
    {
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        await stream.SendAsync(reauth);
        await stream.RefusedAsync(reason);
    }

    /// <summary>Acknowledges what has come, and waits until the server knows: nothing is left that could stall.</summary>
    private static async Task SettleAsync(TestServer server, SyncClient stream, VaultDevice device)
    {
        await stream.AckAsync();
        var feeds = server.Services.GetRequiredService<VaultFeeds>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (feeds.Streams(device.Session.AccountId).Single().AcknowledgedSeq < stream.Cursor)
        {
            await Task.Delay(10, patience.Token);
        }
    }

    /// <summary>Lets time pass for a client that answers every Ping.</summary>
    private static async Task PassAsync(TestServer server, SyncClient stream, VaultDevice device, TimeSpan time)
    {
        for (var left = time; left > TimeSpan.Zero; left -= TimeSpan.FromSeconds(60))
        {
            server.Clock.Advance(left < TimeSpan.FromSeconds(60) ? left : TimeSpan.FromSeconds(60));
            await stream.SendAsync(new SyncRequest { Pong = new Pong() });
            await RoundTripAsync(stream, device);
            await SettleAsync(server, stream, device);
        }
    }

    /// <summary>A write and its result: the stream lives, and everything sent before has been taken in.</summary>
    private static async Task RoundTripAsync(SyncClient stream, VaultDevice device)
    {
        var results = stream.Results.Count;
        var changes = stream.Changes.Count;
        await stream.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0));
        await stream.UntilAsync(() => stream.Results.Count > results && stream.Changes.Count > changes);
    }
}
