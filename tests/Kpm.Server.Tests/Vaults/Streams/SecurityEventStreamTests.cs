using Kpm.Server.Accounts.Events;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Tests.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Streams;

/// <summary>What happens to an account reaches its other devices live.</summary>
public sealed class SecurityEventStreamTests
{
    [Fact]
    public async Task A_new_sign_in_shows_on_the_streams_of_the_other_devices()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var reader = await server.LinkAsync(owner.Email);
        await using var sync = await SyncClient.LiveAsync(server, owner.Session);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var watch = server.Vault.Watch(new WatchRequest(), reader.Session.Headers, cancellationToken: patience.Token);
        await NextAsync(watch, m => m.CaughtUp is not null, patience.Token);

        using var intruder = await server.SignInAsync(owner.Email);

        var live = await sync.UntilEventAsync(SecurityEventKind.DeviceLinked);
        Assert.Equal(intruder.Info.DeviceId, live.DeviceId);
        Assert.Equal(live, (await NextAsync(watch, m => m.SecurityEvent is not null, patience.Token)).SecurityEvent);
        Assert.Equal(live, (await server.EventsAsync(owner.Session))[^1]);
        // What happened before the stream began is for ListSecurityEvents.
        Assert.Single(sync.Events);
    }

    [Fact]
    public async Task Every_event_comes_once_and_in_order_whatever_else_the_stream_carries()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var writer = await server.EnrolAsync(owner.Email);
        await using var sync = await SyncClient.LiveAsync(server, owner.Session);
        var known = (await server.EventsAsync(owner.Session, pageSize: 50)).Count;

        var writing = server.FillAsync(writer, 100, 20);
        for (var i = 0; i < 120; i++)
        {
            await server.Accounts.RenameDeviceAsync(new RenameDeviceRequest { RequestId = LifecycleSteps.NewId(), DeviceId = writer.Session.Info.DeviceId, Name = $"Name {i}" }, owner.Call);
        }

        await writing;
        await sync.UntilAsync(() => sync.Changes.Count == 102);
        while (sync.Events.Count < 120)
        {
            Assert.NotNull(await sync.TakeAsync());
        }

        Assert.Equal(Enumerable.Range(known + 1, 120).Select(i => (ulong)i), sync.Events.Select(e => e.Seq));
        Assert.All(sync.Events.Zip(sync.Events.Skip(1)), pair => Assert.Equal(AuditChainReader.Hash(pair.First.Hash.ToByteArray(), owner.Session.AccountId, pair.Second), pair.Second.Hash.ToByteArray()));
    }

    [Fact]
    public async Task A_hint_that_is_lost_is_healed_by_the_next_heartbeat()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var owner = await server.EnrolAsync();
        await using var sync = await SyncClient.LiveAsync(server, owner.Session);
        await server.Database.WriteAsync(
            c => SqliteSecurityLog.Append(c, owner.Session.AccountId, new SecurityNote(SecurityEventKind.AccountViewed, Actor.Operator), time.GetUtcNow()), TestContext.Current.CancellationToken);

        var waiting = sync.UntilEventAsync(SecurityEventKind.AccountViewed);
        while (!waiting.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(5));
            await Task.WhenAny(waiting, Task.Delay(20, TestContext.Current.CancellationToken));
        }

        Assert.Equal(Actor.Operator, (await waiting).Actor);
    }

    [Fact]
    public async Task A_stranger_s_events_do_not_come()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var stranger = await server.EnrolAsync();
        await using var sync = await SyncClient.LiveAsync(server, owner.Session);

        using var other = await server.SignInAsync(stranger.Email);
        await server.FillAsync(owner, 1);
        await sync.UntilAsync(() => sync.Changes.Count == 2);

        Assert.Empty(sync.Events);
    }

    [Fact]
    public async Task A_replayed_refresh_token_is_told_live_and_by_mail()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var owner = await server.EnrolAsync();
        using var victim = await server.SignInAsync(owner.Email);
        await using var sync = await SyncClient.LiveAsync(server, owner.Session);
        var spent = victim.Session!.RefreshToken;
        await server.RefreshAsync(victim);
        time.Advance(TimeSpan.FromSeconds(11));

        await Refused.WithAsync(
            ErrorReason.RefreshTokenReused,
            server.Accounts.RefreshSessionAsync(new RefreshSessionRequest { RefreshToken = spent, Proof = victim.Prove(TestDevice.RefreshMethod, spent) }));

        Assert.Equal(victim.Info.DeviceId, (await sync.UntilEventAsync(SecurityEventKind.TokenReused)).DeviceId);
        Assert.Contains("Test device", (await server.MailedAsync(owner.Email, "token-reused")).Text, StringComparison.Ordinal);
    }

    private static async Task<WatchResponse> NextAsync(Grpc.Core.AsyncServerStreamingCall<WatchResponse> watch, Func<WatchResponse, bool> wanted, CancellationToken cancellationToken)
    {
        while (await watch.ResponseStream.MoveNext(cancellationToken))
        {
            if (wanted(watch.ResponseStream.Current))
            {
                return watch.ResponseStream.Current;
            }
        }

        throw new InvalidOperationException("The watch ended.");
    }
}
