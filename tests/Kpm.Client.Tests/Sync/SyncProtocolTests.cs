using Google.Protobuf.WellKnownTypes;
using Kpm.Client.Kpm1;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Client.Tests.Sync;

public sealed class SyncProtocolTests
{
    private static SyncResponse Welcome(ulong head = 10, ulong generation = 1, ulong lastOpSeq = 3, uint version = 1) => new()
    {
        Welcome = new Welcome
        {
            Version = version,
            Generation = generation,
            HeadSeq = head,
            LastOpSeq = lastOpSeq,
            KeyEpoch = 1,
            Limits = new StreamLimits { MaxOperationsPerPush = 64, MaxOperationsInFlight = 256 },
            Heartbeat = Duration.FromTimeSpan(TimeSpan.FromSeconds(30)),
        },
    };

    private static SyncResponse Changes(ulong from, params bool[] moreInBatch)
    {
        var changes = new Changes { PrevSeq = from - 1, LastSeq = from + (ulong)moreInBatch.Length - 1 };
        changes.Entries.AddRange(moreInBatch.Select((more, i) => new Change { Seq = from + (ulong)i, MoreInBatch = more }));
        return new SyncResponse { Changes = changes };
    }

    private static SyncResponse CaughtUp(ulong seq) => new() { CaughtUp = new CaughtUp { Seq = seq } };

    private static SyncProtocol Open(ulong cursor = 5)
    {
        var protocol = new SyncProtocol(1, cursor, 3);
        Assert.Empty(protocol.Handle(Welcome()));
        return protocol;
    }

    private static void Refused(Kpm1Error error, Func<object> step) => Assert.Equal(error, Assert.Throws<Kpm1Exception>(step).Error);

    [Fact]
    public void Changes_are_stored_in_order_and_a_bookmark_is_told()
    {
        var protocol = Open();
        var store = Assert.IsType<SyncEffect.Store>(Assert.Single(protocol.Handle(Changes(6, false, false))));
        Assert.Equal([6UL, 7UL], store.Entries.Select(change => change.Seq));
        Assert.Equal(new SyncEffect.Bookmark(7, First: true), Assert.Single(protocol.Handle(CaughtUp(7))));
        var ping = protocol.Handle(new SyncResponse { Ping = new Ping { HeadSeq = 7 } });
        Assert.Equal([new SyncEffect.Bookmark(7, First: false), new SyncEffect.Pong()], ping);
    }

    [Fact]
    public void An_atomic_push_is_stored_as_a_whole_even_over_several_messages()
    {
        var protocol = Open();
        var store = Assert.IsType<SyncEffect.Store>(Assert.Single(protocol.Handle(Changes(6, false, true))));
        Assert.Equal([6UL], store.Entries.Select(change => change.Seq));
        Assert.Empty(protocol.Handle(Changes(8, true)));
        store = Assert.IsType<SyncEffect.Store>(Assert.Single(protocol.Handle(Changes(9, false))));
        Assert.Equal([7UL, 8UL, 9UL], store.Entries.Select(change => change.Seq));
    }

    [Fact]
    public void A_batch_that_never_ends_is_refused()
    {
        var protocol = Open(0);
        protocol.Handle(Changes(1, [.. Enumerable.Repeat(true, 64)]));
        Refused(Kpm1Error.StructureInvalid, () => protocol.Handle(Changes(65, true)));
    }

    [Fact]
    public void A_bookmark_inside_a_batch_or_off_the_last_seq_is_refused()
    {
        var protocol = Open();
        protocol.Handle(Changes(6, true));
        Refused(Kpm1Error.BookmarkInvalid, () => protocol.Handle(CaughtUp(6)));
        Refused(Kpm1Error.BookmarkInvalid, () => Open().Handle(CaughtUp(6)));
        Refused(Kpm1Error.BookmarkInvalid, () => Open().Handle(CaughtUp(4)));
        Refused(Kpm1Error.BookmarkInvalid, () => Open().Handle(new SyncResponse { Ping = new Ping { HeadSeq = 9 } }));
    }

    [Fact]
    public void A_prev_seq_that_is_not_the_cursor_drops_the_stream()
    {
        Assert.IsType<SyncEffect.Resume>(Assert.Single(Open().Handle(Changes(7, false))));
        Assert.IsType<SyncEffect.Resume>(Assert.Single(Open().Handle(Changes(5, false))));
    }

    [Fact]
    public void Entries_with_a_gap_or_a_wrong_last_seq_are_refused()
    {
        var gap = Changes(6, false, false);
        gap.Changes.Entries[1].Seq = 8;
        gap.Changes.LastSeq = 8;
        Refused(Kpm1Error.SeqGap, () => Open().Handle(gap));
        var wrong = Changes(6, false);
        wrong.Changes.LastSeq = 7;
        Refused(Kpm1Error.SeqGap, () => Open().Handle(wrong));
        Refused(Kpm1Error.SeqGap, () => Open().Handle(new SyncResponse { Changes = new Changes { PrevSeq = 5, LastSeq = 5 } }));
    }

    [Fact]
    public void A_welcome_of_a_rolled_back_or_restored_server_or_of_a_clone_is_refused()
    {
        Refused(Kpm1Error.Rollback, () => new SyncProtocol(1, 11, 3).Handle(Welcome()));
        Refused(Kpm1Error.GenerationChanged, () => new SyncProtocol(2, 5, 3).Handle(Welcome()));
        Refused(Kpm1Error.OwnOperationUnknown, () => new SyncProtocol(1, 5, 2).Handle(Welcome()));
        Refused(Kpm1Error.StructureInvalid, () => new SyncProtocol(1, 5, 3).Handle(Welcome(version: 2)));
        Refused(Kpm1Error.StructureInvalid, () => Open().Handle(Welcome()));
        Refused(Kpm1Error.StructureInvalid, () => new SyncProtocol(1, 5, 3).Handle(CaughtUp(5)));
    }

    [Theory]
    [InlineData(ResyncReason.GenerationChanged, SyncStop.GenerationChanged)]
    [InlineData(ResyncReason.CursorAhead, SyncStop.CursorAhead)]
    [InlineData(ResyncReason.ChainMismatch, SyncStop.ChainMismatch)]
    public void A_cursor_that_cannot_be_resumed_stops_and_is_told(ResyncReason reason, SyncStop stop) =>
        Assert.Equal(new SyncEffect.Stop(stop), Assert.Single(new SyncProtocol(1, 5, 3).Handle(new SyncResponse { ResyncRequired = new ResyncRequired { Reason = reason } })));

    private static SyncResponse Begin(ulong asOf) => new() { SnapshotBegin = new SnapshotBegin { AsOf = asOf, Rows = 2 } };

    private static SyncResponse Rows(params ulong[] seqs) => new() { SnapshotRows = new SnapshotRows { Rows = { seqs.Select(seq => new Change { Seq = seq }) } } };

    private static SyncResponse End(ulong asOf) => new() { SnapshotEnd = new SnapshotEnd { AsOf = asOf } };

    private static readonly SyncResponse Compacted = new() { ResyncRequired = new ResyncRequired { Reason = ResyncReason.Compacted } };

    [Fact]
    public void A_compacted_cursor_goes_on_with_a_snapshot_and_the_changes_behind_it()
    {
        var protocol = new SyncProtocol(1, 5, 3);
        Assert.Empty(protocol.Handle(Welcome(head: 10)));
        Assert.Empty(protocol.Handle(Compacted));
        Assert.Equal(8UL, Assert.IsType<SyncEffect.BeginSnapshot>(Assert.Single(protocol.Handle(Begin(8)))).Begin.AsOf);
        Assert.Equal([3UL, 8UL], Assert.IsType<SyncEffect.AddRows>(Assert.Single(protocol.Handle(Rows(3, 8)))).Rows.Select(row => row.Seq));
        Assert.Equal(new SyncEffect.EndSnapshot(8), Assert.Single(protocol.Handle(End(8))));
        Assert.Equal([9UL, 10UL], Assert.IsType<SyncEffect.Store>(Assert.Single(protocol.Handle(Changes(9, false, false)))).Entries.Select(change => change.Seq));
        Assert.Equal(new SyncEffect.Bookmark(10, First: true), Assert.Single(protocol.Handle(CaughtUp(10))));
    }

    [Fact]
    public void A_snapshot_that_begins_anew_replaces_the_one_before()
    {
        var protocol = Open();
        protocol.Handle(Begin(8));
        protocol.Handle(Rows(3));
        Assert.Equal(9UL, Assert.IsType<SyncEffect.BeginSnapshot>(Assert.Single(protocol.Handle(Begin(9)))).Begin.AsOf);
        protocol.Handle(Rows(3, 9));
        Refused(Kpm1Error.StructureInvalid, () => protocol.Handle(End(8)));
        Assert.Equal(new SyncEffect.EndSnapshot(9), Assert.Single(protocol.Handle(End(9))));
        Assert.Equal(new SyncEffect.Bookmark(9, First: true), Assert.Single(protocol.Handle(CaughtUp(9))));
    }

    [Fact]
    public void While_a_snapshot_is_on_its_way_a_ping_is_no_bookmark_and_results_come()
    {
        var protocol = Open();
        protocol.Handle(Begin(8));
        Assert.Equal(new SyncEffect.Pong(), Assert.Single(protocol.Handle(new SyncResponse { Ping = new Ping { HeadSeq = 77 } })));
        Assert.IsType<SyncEffect.Result>(Assert.Single(protocol.Handle(new SyncResponse { OpResult = new OperationResult { OpSeq = 1 } })));
        Refused(Kpm1Error.BookmarkInvalid, () => protocol.Handle(CaughtUp(5)));
    }

    [Fact]
    public void What_no_snapshot_can_be_is_refused()
    {
        Refused(Kpm1Error.Rollback, () => Open(5).Handle(Begin(5)));
        Refused(Kpm1Error.Rollback, () => Open(5).Handle(Begin(4)));
        Refused(Kpm1Error.StructureInvalid, () => Open().Handle(Rows(3)));
        Refused(Kpm1Error.StructureInvalid, () => Open().Handle(End(8)));
        var begun = Open();
        begun.Handle(Begin(8));
        Refused(Kpm1Error.StructureInvalid, () => begun.Handle(Changes(6, false)));
        var due = Open();
        due.Handle(Compacted);
        Refused(Kpm1Error.StructureInvalid, () => due.Handle(Changes(6, false)));
        Refused(Kpm1Error.BookmarkInvalid, () => due.Handle(CaughtUp(5)));
    }

    [Fact]
    public void A_checkpoint_is_published_at_a_bookmark_a_thousand_above_the_newest_one()
    {
        static SyncProtocol At(ulong cursor, ulong checkpoint)
        {
            var welcome = Welcome(head: cursor);
            welcome.Welcome.CheckpointSeq = checkpoint;
            var protocol = new SyncProtocol(1, cursor, 3);
            Assert.Empty(protocol.Handle(welcome));
            return protocol;
        }

        Assert.Single(At(1999, 1000).Handle(CaughtUp(1999)));
        var due = At(2000, 1000);
        Assert.Equal([new SyncEffect.Bookmark(2000, First: true), new SyncEffect.Publish(2000)], due.Handle(CaughtUp(2000)));
        Assert.Equal(2, due.Handle(new SyncResponse { Ping = new Ping { HeadSeq = 2000 } }).Count);

        // Never inside an atomic Push: there is no bookmark there.
        var batch = At(1999, 1000);
        Assert.DoesNotContain(batch.Handle(Changes(2000, true)), effect => effect is SyncEffect.Publish);
        Refused(Kpm1Error.BookmarkInvalid, () => batch.Handle(CaughtUp(2000)));
        Assert.Equal(2001UL, Assert.IsType<SyncEffect.Store>(Assert.Single(batch.Handle(Changes(2001, false)))).Entries[^1].Seq);
        Assert.Contains(new SyncEffect.Publish(2001), batch.Handle(CaughtUp(2001)));
    }

    [Fact]
    public void That_the_vault_is_nearly_full_is_told_once_a_stream()
    {
        var protocol = new SyncProtocol(1, 5, 3);
        var welcome = Welcome();
        welcome.Welcome.NearlyFull = true;
        Assert.Equal(new SyncEffect.NearlyFull(), Assert.Single(protocol.Handle(welcome)));
        var applied = new SyncResponse { OpResult = new OperationResult { OpSeq = 1, Applied = new OperationResult.Types.Applied { Seq = 6, Rev = 1, NearlyFull = true } } };
        Assert.IsType<SyncEffect.Result>(Assert.Single(protocol.Handle(applied)));
        Assert.Contains(new SyncEffect.NearlyFull(), Open().Handle(applied));
    }

    [Fact]
    public void Going_away_resumes_but_for_a_takeover()
    {
        static SyncResponse GoAway(GoAwayReason reason) => new() { GoAway = new GoAway { Reason = reason, RetryAfter = Duration.FromTimeSpan(TimeSpan.FromSeconds(7)) } };
        var after = TimeSpan.FromSeconds(7);
        Assert.Equal(new SyncEffect.Resume(after, RenewToken: false), Assert.Single(Open().Handle(GoAway(GoAwayReason.Draining))));
        Assert.Equal(new SyncEffect.Resume(after, RenewToken: false), Assert.Single(Open().Handle(GoAway(GoAwayReason.Stalled))));
        Assert.Equal(new SyncEffect.Resume(after, RenewToken: true), Assert.Single(Open().Handle(GoAway(GoAwayReason.TokenExpired))));
        Assert.Equal(new SyncEffect.Stop(SyncStop.Replaced), Assert.Single(Open().Handle(GoAway(GoAwayReason.Replaced))));
        Assert.Equal(new SyncEffect.Revoked(RevokedReason.DeviceRevoked), Assert.Single(Open().Handle(new SyncResponse { Revoked = new Revoked { Reason = RevokedReason.DeviceRevoked } })));
    }

    [Fact]
    public void Backoff_stays_within_its_bounds_and_honours_the_server()
    {
        var highest = new Backoff(() => 1);
        Assert.Equal([0.5, 1, 2, 4, 8, 16, 32, 60, 60], Enumerable.Range(0, 9).Select(_ => highest.Next(null).TotalSeconds));
        Assert.Equal(TimeSpan.FromSeconds(90), highest.Next(TimeSpan.FromSeconds(90)));
        highest.Reset();
        Assert.Equal(Backoff.Least, highest.Next(TimeSpan.FromMilliseconds(1)));
        var lowest = new Backoff(() => 0);
        Assert.All(Enumerable.Range(0, 9), _ => Assert.Equal(Backoff.Least, lowest.Next(null)));
    }
}
