using Google.Protobuf;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Vaults;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Vaults;

/// <summary>The Sync stream: opening, writing, changes, and what each side may expect of the other.</summary>
public sealed class SyncTests
{
    [Fact]
    public async Task Two_devices_converge()
    {
        await using var server = await TestServer.StartAsync();
        var one = await server.EnrolAsync();
        var other = await server.EnrolAsync(one.Email);
        await using var first = await SyncClient.LiveAsync(server, one.Session);
        await using var second = await SyncClient.LiveAsync(server, other.Session);
        var item = Guid.CreateVersion7();

        await first.PushAsync(one.Author.Put(item, 0));
        await second.UntilAsync(() => second.Changes.Count == 3);
        await second.PushAsync(other.Author.Put(item, 1), other.Author.Put(Guid.CreateVersion7(), 0));
        await first.PushAsync(one.Author.Put(Guid.CreateVersion7(), 0));
        await first.UntilAsync(() => first.Changes.Count == 6 && first.Results.Count == 2);
        await second.UntilAsync(() => second.Changes.Count == 6 && second.Results.Count == 2);

        Assert.Equal(first.Changes, second.Changes);
        Assert.Equal(server.Log(one), first.Changes);
        Assert.All(first.Results.Concat(second.Results), r => Assert.NotNull(r.Applied));
    }

    [Fact]
    public async Task G4_a_device_that_was_offline_resumes_from_its_cursor_without_a_gap()
    {
        await using var server = await TestServer.StartAsync();
        var writer = await server.EnrolAsync();
        var reader = await server.LinkAsync(writer.Email);
        await server.FillAsync(writer, 20);
        ulong cursor;
        await using (var before = await SyncClient.LiveAsync(server, reader.Session))
        {
            cursor = before.Cursor;
            Assert.Equal(21UL, cursor);
        }

        await server.FillAsync(writer, 150);
        await server.RestartAsync();
        var log = server.Log(writer);
        await using var after = await SyncClient.LiveAsync(server, reader.Session, cursor, VaultSteps.ChainHash(log, cursor));

        Assert.Equal(log.Skip(21), after.Changes);
        Assert.Equal(171UL, after.Cursor);
    }

    [Fact]
    public async Task Welcome_says_where_the_vault_and_the_device_stand()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await server.FillAsync(device, 3);
        await using var stream = await SyncClient.OpenAsync(server, device.Session);

        var welcome = stream.Welcome!;
        Assert.Equal((1u, 1UL, 4UL, 0UL, 4UL, 1u), (welcome.Version, welcome.Generation, welcome.HeadSeq, welcome.CompactedSeq, welcome.LastOpSeq, welcome.KeyEpoch));
        Assert.Equal((64u, 128u, 262_144u, 256u, 1_048_576u), (welcome.Limits.MaxOperationsPerPush, welcome.Limits.MaxOperationsInFlight, welcome.Limits.MaxEnvelopeBytes, welcome.Limits.MaxUnacknowledgedChanges, welcome.Limits.MaxUnacknowledgedBytes));
        Assert.Equal((120L, 30L), (welcome.Limits.UnacknowledgedTimeout.Seconds, welcome.Heartbeat.Seconds));
    }

    [Fact]
    public async Task G5_nothing_at_or_below_a_bookmark_comes_after_it()
    {
        await using var server = await TestServer.StartAsync();
        var writer = await server.EnrolAsync();
        var reader = await server.LinkAsync(writer.Email);
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await server.FillAsync(writer, 5, 20);
            }
        }, Token);

        // Streams opened in the midst of writing: each is caught up at some point, and continues right behind it.
        for (var i = 0; i < 20; i++)
        {
            await using var stream = await SyncClient.OpenAsync(server, reader.Session);
            var bookmark = await stream.UntilAsync(m => m.CaughtUp);
            Assert.Equal(stream.Cursor, bookmark.Seq);
            Assert.True(bookmark.Seq >= stream.Welcome!.HeadSeq);
            Assert.Equal(bookmark.Seq + 1, (await stream.UntilAsync(m => m.Changes)).Entries[0].Seq);
        }

        await stop.CancelAsync();
        await writing;
    }

    [Fact]
    public async Task An_unenrolled_device_reads_but_does_not_write()
    {
        await using var server = await TestServer.StartAsync();
        var writer = await server.EnrolAsync();
        var guest = await server.LinkAsync(writer.Email);
        await using var stream = await SyncClient.LiveAsync(server, guest.Session);
        Assert.Single(stream.Changes);

        await stream.PushAsync(guest.Author.Put(Guid.CreateVersion7(), 0));
        Assert.Equal(RejectionReason.DeviceNotEnrolled, (await stream.UntilAsync(m => m.OpResult)).Rejected.Reason);
        await stream.PushAsync(guest.Author.DeviceKey(), guest.Author.Put(Guid.CreateVersion7(), 0));
        await stream.UntilAsync(() => stream.Results.Count == 3 && stream.Changes.Count == 3);
        Assert.All(stream.Results.Skip(1), r => Assert.NotNull(r.Applied));
    }

    [Fact]
    public async Task Hundreds_of_operations_are_in_flight_and_answered_in_their_order()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session, 0);
        var operations = Enumerable.Range(0, 640).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0)).ToList();
        var sending = Task.Run(async () =>
        {
            foreach (var operation in operations)
            {
                await stream.PushAsync(operation);
            }
        }, Token);

        while (stream.Results.Count < operations.Count || stream.Cursor < 641)
        {
            if ((await stream.NextAsync())!.MessageCase == SyncResponse.MessageOneofCase.Changes)
            {
                await stream.AckAsync();
            }
        }

        await sending;
        Assert.Equal(operations.Select(o => o.OpSeq), stream.Results.Select(r => r.OpSeq));
        Assert.Equal(Enumerable.Range(2, 640).Select(i => (ulong)i), stream.Results.Select(r => r.Applied.Seq));
        Assert.Equal(operations.Select(o => o.Header), stream.Changes.Skip(1).Select(c => c.Header));
    }

    [Fact]
    public async Task G3_an_operation_sent_again_on_another_stream_is_applied_once()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var operation = device.Author.Put(Guid.CreateVersion7(), 0);
        await using (var first = await SyncClient.LiveAsync(server, device.Session))
        {
            await first.PushAsync(operation);
        }

        await using var second = await SyncClient.LiveAsync(server, device.Session);
        await second.PushAsync(operation);
        await second.PushAsync(operation);
        await second.UntilAsync(() => second.Results.Count == 2);
        Assert.Equal(2UL, second.Results[0].Applied.Seq);
        Assert.Equal(second.Results[0], second.Results[1]);
        Assert.Equal(2, server.Log(device).Count);
    }

    [Fact]
    public async Task G7_an_atomic_push_reaches_readers_whole_and_marked()
    {
        await using var server = await TestServer.StartAsync();
        var writer = await server.EnrolAsync();
        var reader = await server.LinkAsync(writer.Email);
        await using var writing = await SyncClient.LiveAsync(server, writer.Session);
        await using var reading = await SyncClient.LiveAsync(server, reader.Session);
        var item = Guid.CreateVersion7();
        await writing.PushAtomicAsync(writer.Author.Put(item, 0), writer.Author.Put(Guid.CreateVersion7(), 0), writer.Author.Put(item, 1));
        await writing.PushAtomicAsync(writer.Author.Put(Guid.CreateVersion7(), 0), writer.Author.Put(item, 0));
        await writing.UntilAsync(() => writing.Results.Count == 5);

        Assert.All(writing.Results.Take(3), r => Assert.NotNull(r.Applied));
        Assert.Equal(RejectionReason.AtomicAborted, writing.Results[3].Rejected.Reason);
        Assert.Equal(2UL, writing.Results[4].Conflict.Rev);
        await reading.UntilAsync(() => reading.Changes.Count == 4);
        Assert.Equal([false, true, true, false], reading.Changes.Select(c => c.MoreInBatch));
        Assert.Equal(4, server.Log(writer).Count);
    }

    [Fact]
    public async Task G7_a_reader_gets_the_rest_of_an_atomic_push_even_when_it_lags()
    {
        await using var server = await TestServer.StartAsync();
        var writer = await server.EnrolAsync();
        var reader = await server.LinkAsync(writer.Email);
        await server.FillAsync(writer, 239, 20);
        await server.PushAsync(writer, Enumerable.Range(0, 40).Select(_ => writer.Author.Put(Guid.CreateVersion7(), 0, [1])), atomic: true);
        await server.FillAsync(writer, 10, 20);

        // 240 entries, then 40 that belong together: the window of 256 ends inside them.
        await using var stream = await SyncClient.OpenAsync(server, reader.Session);
        await stream.UntilAsync(() => stream.Changes.Count == 280);
        Assert.False(stream.Changes[^1].MoreInBatch);
        await stream.AckAsync();
        await stream.UntilCaughtUpAsync();
        Assert.Equal(290UL, stream.Cursor);
    }

    [Fact]
    public async Task A_stream_that_does_not_acknowledge_lags_and_nothing_waits_for_it()
    {
        await using var server = await TestServer.StartAsync();
        var writer = await server.EnrolAsync();
        var reader = await server.LinkAsync(writer.Email);
        await using var lagging = await SyncClient.LiveAsync(server, reader.Session);
        await server.FillAsync(writer, 400, 20);

        await lagging.UntilAsync(() => lagging.Changes.Count == 256);
        await lagging.PushAsync(reader.Author.DeviceKey());
        await lagging.NextAsync(m => m.OpResult);
        await lagging.AckAsync();
        await lagging.UntilCaughtUpAsync();
        Assert.Equal(server.Log(writer), lagging.Changes);
    }

    [Fact]
    public async Task A_client_that_does_not_read_holds_up_nobody()
    {
        await using var server = await TestServer.StartAsync();
        var writer = await server.EnrolAsync();
        var reader = await server.LinkAsync(writer.Email);
        using var channel = server.NewChannel();
        await using var stuck = await SyncClient.LiveAsync(server, reader.Session, channel: channel);
        await using var healthy = await SyncClient.LiveAsync(server, writer.Session);

        // Far more than the HTTP/2 window of the one that does not read.
        for (var i = 0; i < 20; i++)
        {
            await server.PushAsync(writer, writer.Author.Put(Guid.CreateVersion7(), 0, new byte[200_000]));
            await healthy.UntilAsync(() => healthy.Cursor == (ulong)(i + 2));
            await healthy.AckAsync();
        }

        await stuck.UntilAsync(() => stuck.Changes.Count >= 4);
        await stuck.AckAsync();
        while (stuck.Cursor < 21)
        {
            await stuck.NextAsync();
            await stuck.AckAsync();
        }
    }

    [Fact]
    public async Task A_lost_hint_is_healed_by_the_heartbeat()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var writer = await server.EnrolAsync();
        var reader = await server.LinkAsync(writer.Email);
        await using var stream = await SyncClient.LiveAsync(server, reader.Session);
        server.Services.GetRequiredService<Kpm.Server.Vaults.Streams.VaultFeeds>().LoseHints = true;
        await server.FillAsync(writer, 2);

        time.Advance(TimeSpan.FromSeconds(33));
        Assert.Equal(1UL, (await stream.NextAsync(m => m.Ping)).HeadSeq);
        await stream.UntilAsync(() => stream.Changes.Count == 3);
    }

    [Theory]
    [InlineData(2, ResyncReason.Unspecified)]
    [InlineData(5, ResyncReason.CursorAhead)]
    public async Task A_cursor_above_the_head_is_not_resumed(ulong cursor, ResyncReason reason)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await server.FillAsync(device, 3);
        await using var stream = await SyncClient.OpenAsync(server, device.Session, cursor, VaultSteps.ChainHash(server.Log(device), cursor));

        await ResyncAsync(stream, reason, 4);
    }

    [Theory]
    [InlineData(1UL, ResyncReason.Unspecified)]
    [InlineData(2UL, ResyncReason.GenerationChanged)]
    public async Task Another_generation_is_not_resumed(ulong generation, ResyncReason reason)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.OpenAsync(server, device.Session, 1, VaultSteps.ChainHash(server.Log(device), 1), h => h.Generation = generation);

        await ResyncAsync(stream, reason, 1);
    }

    [Fact]
    public async Task Another_chain_hash_is_not_resumed()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.OpenAsync(server, device.Session, 1, ByteString.CopyFrom(new byte[32]));

        await ResyncAsync(stream, ResyncReason.ChainMismatch, 1);
    }

    [Fact]
    public async Task G6_a_stream_opens_once_the_log_has_reached_min_seq()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { MinSeqTimeout = TimeSpan.FromMilliseconds(300) } });
        var device = await server.EnrolAsync();
        var opening = SyncClient.OpenAsync(server, device.Session, bend: h => h.MinSeq = 2);
        await server.FillAsync(device, 1);
        await using (var stream = await opening)
        {
            Assert.Equal(2UL, stream.Welcome!.HeadSeq);
        }

        await using var call = SyncClient.Call(server, device.Session);
        await call.SendAsync(new SyncRequest { Hello = SyncClient.Hello(device.Session, bend: h => h.MinSeq = 3) });
        var refused = await call.RefusedAsync(ErrorReason.MinSeqNotReached);
        Assert.NotNull(refused.RetryAfter);
    }

    [Fact]
    public async Task A_client_that_leaves_politely_gets_every_answer_first()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        await stream.PushAsync([.. Enumerable.Range(0, 64).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0, [1]))]);
        await stream.CompleteAsync();
        await stream.UntilAsync(() => stream.Results.Count == 64);
        while (await stream.NextAsync() is not null)
        {
        }

        Assert.Equal(65, server.Log(device).Count);
    }

    [Fact]
    public async Task The_list_of_devices_shows_who_is_online_and_how_far()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var activity = server.Services.GetRequiredService<IDeviceActivity>();
        await using (var stream = await SyncClient.LiveAsync(server, device.Session))
        {
            await stream.AckAsync();
            await stream.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0));
            await stream.UntilAsync(m => m.OpResult);
            Assert.Equal((true, 1UL), Of(activity, device));
            await stream.CompleteAsync();
            while (await stream.NextAsync() is not null)
            {
            }
        }

        Assert.Equal((false, 1UL), Of(activity, device));
        await server.RestartAsync();
        Assert.Equal((false, 1UL), Of(server.Services.GetRequiredService<IDeviceActivity>(), device));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static (bool Online, ulong Seq) Of(IDeviceActivity activity, VaultDevice device)
    {
        var found = activity.Of(device.Session.AccountId)[device.Session.DeviceId];
        return (found.Online, found.AcknowledgedSeq);
    }

    private static async Task ResyncAsync(SyncClient stream, ResyncReason reason, ulong head)
    {
        if (reason == ResyncReason.Unspecified)
        {
            await stream.UntilCaughtUpAsync();
            Assert.Equal(head, stream.Cursor);
            return;
        }

        var resync = await stream.NextAsync(m => m.ResyncRequired);
        Assert.Equal((reason, 1UL, head), (resync.Reason, resync.Generation, resync.HeadSeq));
        await stream.EndAsync();
        Assert.Empty(stream.Changes);
    }
}
