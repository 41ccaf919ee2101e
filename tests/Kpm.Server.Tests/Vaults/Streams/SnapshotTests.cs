using Dapper;
using Google.Protobuf;
using Kpm.Server.Tests.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Vaults;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Vaults.Streams;

/// <summary>Snapshots in the streams: the same vault as from the log, with everything else going on beside them.</summary>
public sealed class SnapshotTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(512)]
    public async Task A_new_device_that_asks_for_it_gets_the_newest_revisions_and_then_the_changes(int entriesPerRead)
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { SnapshotEntriesPerRead = entriesPerRead, ChangesPerMessage = 5 } });
        var device = await server.EnrolAsync();
        var log = await FillAsync(server, device, 20);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 40), device.Call);
        var reader = await server.LinkAsync(device.Email);

        await using var stream = await SyncClient.OpenAsync(server, reader.Session, bend: h => h.Snapshot = true);
        Assert.Equal((40UL, 0UL), (stream.Welcome!.CheckpointSeq, stream.Welcome.CompactedSeq));
        var snapshot = await TakeAsync(stream);
        Assert.Equal(TestCheckpoint.Newest(log, 40).OrderBy(c => c.Seq).Select(Whole), snapshot.Rows);
        Assert.Equal(((ulong)snapshot.Rows.Count, TestCheckpoint.Of(device, log, 40).Checkpoint), (snapshot.Begin.Rows, snapshot.Begin.Checkpoint));
        Assert.Equal(TestCheckpoint.RootOf(snapshot.Rows), snapshot.Begin.Checkpoint.Span[120..].ToArray());
        Assert.True(device.Session.Key.VerifyData(snapshot.Begin.Checkpoint.Span, snapshot.Begin.Signature.Span, System.Security.Cryptography.HashAlgorithmName.SHA256));

        stream.GoOnAt(40);
        await stream.AckAsync();
        await stream.UntilCaughtUpAsync();
        Assert.Equal(log.Where(c => c.Seq > 40), stream.Changes);
    }

    [Fact]
    public async Task Nobody_who_does_not_ask_gets_one_while_the_log_is_whole()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var log = await FillAsync(server, device, 5);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 10), device.Call);

        await using (var stream = await SyncClient.LiveAsync(server, device.Session))
        {
            Assert.Equal(log, stream.Changes);
        }

        // And a device that is beyond the checkpoint has no use for it.
        await using var ahead = await SyncClient.OpenAsync(server, device.Session, 10, VaultSteps.ChainHash(log, 10), h => h.Snapshot = true);
        await ahead.UntilCaughtUpAsync();
        Assert.Equal(log.Skip(10), ahead.Changes);
    }

    [Fact]
    public async Task A_device_below_what_was_compacted_is_told_so_and_gets_a_snapshot()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var log = await FillAsync(server, device, 20);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 40), device.Call);
        await CompactAsync(server, device, 30);
        var reader = await server.LinkAsync(device.Email);

        // From the beginning, from inside, and from just below; at what is compacted the changes are there.
        foreach (var cursor in new ulong[] { 0, 12, 29 })
        {
            await using var stream = await SyncClient.OpenAsync(server, reader.Session, cursor, VaultSteps.ChainHash(log, cursor));
            Assert.Equal((30UL, 40UL), (stream.Welcome!.CompactedSeq, stream.Welcome.CheckpointSeq));
            Assert.Equal((ResyncReason.Compacted, 1UL, (ulong)log.Count), Of(await stream.NextAsync(m => m.ResyncRequired)));
            var snapshot = await TakeAsync(stream);
            Assert.Equal(TestCheckpoint.Newest(log, 40).OrderBy(c => c.Seq).Select(Whole), snapshot.Rows);
            stream.GoOnAt(40);
            await stream.UntilCaughtUpAsync();
            Assert.Equal(log.Skip(40), stream.Changes);
        }

        await using var resumed = await SyncClient.OpenAsync(server, reader.Session, 30, VaultSteps.ChainHash(log, 30));
        await resumed.UntilCaughtUpAsync();
        Assert.Equal(log.Skip(30), resumed.Changes);
    }

    [Fact]
    public async Task Watch_gets_it_too()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var log = await FillAsync(server, device, 20);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 40), device.Call);
        await CompactAsync(server, device, 30);

        foreach (var (cursor, wanted, resync) in new[] { (0UL, false, true), (30UL, true, false), (30UL, false, false) })
        {
            var request = new WatchRequest { Generation = cursor == 0 ? 0UL : 1, Cursor = cursor, ChainHash = cursor == 0 ? ByteString.Empty : VaultSteps.ChainHash(log, cursor), Snapshot = wanted };
            using var watch = server.Vault.Watch(request, device.Session.Headers, cancellationToken: Token);
            var got = new List<WatchResponse>();
            do
            {
                Assert.True(await watch.ResponseStream.MoveNext(Token));
                got.Add(watch.ResponseStream.Current);
            }
            while (got[^1].CaughtUp is null);

            Assert.Equal(resync, got[1].ResyncRequired?.Reason == ResyncReason.Compacted);
            var rows = got.SelectMany(m => m.SnapshotRows?.Rows ?? []).ToList();
            var snapshot = resync || wanted;
            Assert.Equal(snapshot ? TestCheckpoint.Newest(log, 40).OrderBy(c => c.Seq).Select(Whole) : [], rows);
            Assert.Equal(snapshot ? 1 : 0, got.Count(m => m.SnapshotBegin is not null && m.SnapshotBegin.Rows == (ulong)rows.Count));
            Assert.Equal(snapshot ? 1 : 0, got.Count(m => m.SnapshotEnd?.AsOf == 40));
            Assert.Equal(log.Skip(snapshot ? 40 : 30), got.SelectMany(m => m.Changes?.Entries ?? []));
        }
    }

    [Fact]
    public async Task Results_pings_and_the_revocation_go_out_between_the_rows_of_a_large_one()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { CheckpointInterval = 100 } });
        var device = await server.EnrolAsync();
        await server.FillAsync(device, 10_000, 1000);
        var log = server.Log(device);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 10_000), device.Call);
        var reader = await server.EnrolAsync(device.Email);

        await using var stream = await SyncClient.OpenAsync(server, reader.Session, bend: h => h.Snapshot = true);
        var rows = 0;
        await stream.PushAsync(reader.Author.Put(Guid.CreateVersion7(), 0));
        await stream.UntilAsync(m => m.SnapshotBegin);
        await stream.UntilAsync(() => stream.Results.Count == 1);
        Assert.NotNull(stream.Results[0].Applied);

        // The window of the client is closed long before the end: what comes now waits for its turn, not for the end.
        time.Advance(TimeSpan.FromSeconds(33));
        rows += await RowsUntilAsync(stream, m => m.Ping is { HeadSeq: 0 });
        await stream.SendAsync(new SyncRequest { Pong = new Pong() });
        Assert.InRange(rows, 0, 9_000);
        await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = Guid.CreateVersion7().ToWire(), DeviceId = reader.Session.DeviceId.ToWire() }, device.Call);
        rows += await RowsUntilAsync(stream, m => m.Revoked is not null);
        Assert.InRange(rows, 0, 9_500);
        await stream.CompleteAsync();
        Assert.Null(await stream.NextAsync());
    }

    [Fact]
    public async Task A_large_one_adds_up_and_awaits_one_acknowledgement()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        await server.FillAsync(device, 10_000);
        var log = server.Log(device);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 10_001), device.Call);
        var reader = await server.EnrolAsync(device.Email);

        await using var stream = await SyncClient.OpenAsync(server, reader.Session, bend: h => h.Snapshot = true);
        var snapshot = await TakeAsync(stream);
        Assert.Equal(10_001, snapshot.Rows.Count);
        Assert.Equal(TestCheckpoint.RootOf(snapshot.Rows), snapshot.Begin.Checkpoint.Span[120..].ToArray());
        stream.GoOnAt(10_001);
        await stream.UntilCaughtUpAsync();

        // What follows the snapshot has the whole window; and one Ack for all is not asked too much, but is asked.
        await server.FillAsync(device, 300, 20);
        await stream.UntilAsync(() => stream.Cursor == 10_001 + 256);
        await stream.AckAsync();
        await stream.UntilCaughtUpAsync();
        await stream.AckAsync();
        Assert.Equal(10_302UL, stream.Cursor);
    }

    [Fact]
    public async Task One_that_is_never_acknowledged_ends_the_stream()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var log = await FillAsync(server, device, 5);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, (ulong)log.Count), device.Call);
        await using var stream = await SyncClient.OpenAsync(server, device.Session, bend: h => h.Snapshot = true);
        await TakeAsync(stream);
        stream.GoOnAt((ulong)log.Count);
        await stream.UntilCaughtUpAsync();

        for (var i = 0; i < 4; i++)
        {
            time.Advance(TimeSpan.FromSeconds(35));
            await stream.SendAsync(new SyncRequest { Pong = new Pong() });
        }

        Assert.Equal(GoAwayReason.Stalled, (await stream.UntilAsync(m => m.GoAway)).Reason);
    }

    [Fact]
    public async Task Its_seq_is_no_seq_to_acknowledge_before_its_end()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await server.FillAsync(device, 3_000, 1000);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, server.Log(device), 3_000), device.Call);
        await using var stream = await SyncClient.OpenAsync(server, device.Session, bend: h => h.Snapshot = true);

        await stream.OfferAsync(new SyncRequest { Ack = new Ack { Seq = 3_000 } });
        await stream.RefusedAsync(ErrorReason.ProtocolViolation);
    }

    [Fact]
    public async Task A_held_session_gets_the_keyset_without_its_envelope()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var owner = await server.EnrolAsync();
        await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = owner.Author.Keyset(0) }, owner.Call);
        await server.FillAsync(owner, 3);
        var log = server.Log(owner);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(owner, log, 5), owner.Call);
        await server.ResetPasswordAsync(owner.Email);
        var thief = await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword);

        await using var stream = await SyncClient.OpenAsync(server, thief, bend: h => h.Snapshot = true);
        var rows = (await TakeAsync(stream)).Rows;
        Assert.Equal(log.Select(c => c.Header), rows.Select(c => c.Header));
        var keyset = Assert.Single(rows, r => r.Kind == OperationKind.Keyset);
        Assert.True(keyset.Superseded && keyset.Envelope.IsEmpty);
        Assert.All(rows.Where(r => !ReferenceEquals(r, keyset)), r => Assert.False(r.Superseded || r.Envelope.IsEmpty));
    }

    [Fact]
    public async Task A_compaction_above_it_begins_it_anew()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { CheckpointInterval = 10, ChangesPerMessage = 4 } });
        var device = await server.EnrolAsync();
        var log = await FillAsync(server, device, 20);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 40), device.Call);
        var checkpoints = server.Services.GetRequiredService<ISnapshotStore>();
        var account = device.Session.AccountId;
        var cursor = new Kpm.Server.Vaults.Streams.SnapshotCursor(account, checkpoints.Newest(account)!, checkpoints, server.Limits);
        Assert.Equal(40UL, cursor.Next(withoutKeys: false).Begin!.AsOf);
        Assert.NotEmpty(cursor.Next(withoutKeys: false).Rows!.Rows);

        // Nothing that belongs to it goes away with what is compacted below it.
        await CompactAsync(server, device, 35);
        Assert.NotEmpty(cursor.Next(withoutKeys: false).Rows!.Rows);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, (ulong)log.Count), device.Call);
        Assert.NotEmpty(cursor.Next(withoutKeys: false).Rows!.Rows);

        await CompactAsync(server, device, 50);
        Assert.Equal((ulong)log.Count, cursor.Next(withoutKeys: false).Begin!.AsOf);
        var rows = new List<Change>();
        SnapshotEnd? end = null;
        while (end is null)
        {
            var step = cursor.Next(withoutKeys: false);
            Assert.Null(step.Begin);
            rows.AddRange(step.Rows?.Rows ?? []);
            end = step.End;
        }

        Assert.Equal(TestCheckpoint.Newest(log, (ulong)log.Count).OrderBy(c => c.Seq).Select(Whole), rows);
        Assert.Equal((ulong)log.Count, end.AsOf);
    }

    private static (ResyncReason Reason, ulong Generation, ulong Head) Of(ResyncRequired resync) => (resync.Reason, resync.Generation, resync.HeadSeq);

    private static Change Whole(Change change) => new(change) { MoreInBatch = false };

    /// <summary>Items, half of which are written again and again, a deletion and an atomic Push; the log.</summary>
    private static async Task<IReadOnlyList<Change>> FillAsync(TestServer server, VaultDevice device, int items)
    {
        var ids = Enumerable.Range(0, items).Select(_ => Guid.CreateVersion7()).ToList();
        var limit = server.Limits.RevisionsPerSubject;
        await server.PushAsync(device, [device.Author.Keyset(0), .. ids.Select(id => device.Author.Put(id, 0, new byte[50]))], atomic: false);
        await server.PushAsync(device, ids.Take(3).Select(id => device.Author.Put(id, 1, new byte[60])), atomic: true);
        await server.PushAsync(device, device.Author.Delete(ids[3], 1));
        for (ulong rev = 2; rev < limit + 10; rev++)
        {
            await server.PushAsync(device, device.Author.Put(ids[0], rev, new byte[20]));
        }

        return server.Log(device);
    }

    private static async Task CompactAsync(TestServer server, VaultDevice device, ulong seq)
    {
        // Results of the newest changes are read from the changes: settled, so that these may go.
        await server.Database.WriteAsync(c => c.Execute("UPDATE vault SET settled_seq = @seq WHERE settled_seq < @seq", new { seq = (long)seq }), Token);
        await server.Services.GetRequiredService<ICompactionStore>().CompactAsync(device.Session.AccountId, seq, 1000, Token);
        Assert.Equal(seq, server.Services.GetRequiredService<IVaultStore>().State(device.Session.AccountId).CompactedSeq);
    }

    private static async Task<int> RowsUntilAsync(SyncClient stream, Func<SyncResponse, bool> reached)
    {
        var rows = 0;
        while (true)
        {
            var message = await stream.NextAsync();
            Assert.NotNull(message);
            Assert.Null(message.SnapshotEnd);
            rows += message.SnapshotRows?.Rows.Count ?? 0;
            if (reached(message))
            {
                return rows;
            }
        }
    }

    private static async Task<(SnapshotBegin Begin, List<Change> Rows)> TakeAsync(SyncClient stream)
    {
        var begin = await stream.NextAsync(m => m.SnapshotBegin);
        var rows = new List<Change>();
        while (true)
        {
            var message = (await stream.NextAsync())!;
            rows.AddRange(message.SnapshotRows?.Rows ?? []);
            if (message.SnapshotEnd is { } end)
            {
                Assert.Equal(begin.AsOf, end.AsOf);
                return (begin, rows);
            }
        }
    }
}
