using System.Security.Cryptography;
using Dapper;
using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.Client.Sync;
using Kpm.Client.Tests.Vectors;
using Kpm.V1;

namespace Kpm.Client.Tests.Sync;

/// <summary>Snapshots against a device's store. checkpoint.json has the verifier's cases; here the store must be whole, and go on.</summary>
public sealed class SnapshotStoreTests : IDisposable
{
    private readonly TestLog _log = new();
    private readonly TestDevice _first = new("device 1");
    private readonly FakeServer _server;
    private readonly Replica _replica;
    private readonly Guid _one = VectorInputs.Id("item 1");
    private readonly Guid _two = VectorInputs.Id("item 2");

    public SnapshotStoreTests()
    {
        _log.Enrol(_first, _log.Entry(_first, Enrolment.Root));
        _log.PutKeyset(_first, _log.FirstKeyset());
        _server = new FakeServer(_log.Account);
        _replica = new Replica(_server, _log, TimeProvider.System);
    }

    public void Dispose()
    {
        _replica.Dispose();
        _first.Dispose();
        _log.Dispose();
    }

    private static Item Note(string name) => new() { Name = name, Note = new Note() };

    private (SnapshotBegin Begin, List<Change> Rows) Snapshot(Func<Checkpoint, Checkpoint>? change = null)
    {
        var (honest, rows) = _log.Snapshot(_first);
        var checkpoint = (change is null ? honest : change(honest)).ToBytes();
        return (new SnapshotBegin { AsOf = _log.Head, Rows = (ulong)rows.Count, Checkpoint = ByteString.CopyFrom(checkpoint), Signature = ByteString.CopyFrom(_log.Sign(_first, checkpoint)) }, rows);
    }

    private IEnumerable<string> Names() => _replica.Vault.List().Select(item => item.Item!.Name).Order(StringComparer.Ordinal);

    /// <summary>What the replica writes becomes part of the log that the first device continues.</summary>
    private void Adopt(params Operation[] operations)
    {
        foreach (var operation in operations)
        {
            _log.Adopt(new Change { Seq = _log.Head + 1, Kind = operation.Kind, SubjectId = operation.SubjectId, Rev = operation.BaseRev + 1, Header = operation.Header, Signature = operation.Signature, Envelope = operation.Envelope });
        }
    }

    /// <summary>Enrols the replica: all of the log so far, its own entry, and that fed back.</summary>
    private void Enrol()
    {
        _replica.Feed(_log.Entries);
        _replica.Bookmark();
        var made = new List<Operation>();
        _replica.Take(made);
        Adopt([.. made]);
        _replica.Feed(_log.Entries[^1]);
    }

    [Fact]
    public void A_new_device_begins_with_a_snapshot_and_the_log_goes_on()
    {
        for (var rev = 0; rev < 5; rev++)
        {
            _log.Put(_first, _one, (ulong)rev, Note($"one {rev}"));
        }

        _log.Put(_first, _two, 0, Note("two"));
        _log.Delete(_first, _two, 1);
        var (begin, rows) = Snapshot();
        Assert.Equal([new SyncEvent.SnapshotTaken(9, 4)], _replica.TakeSnapshot(begin, rows));
        Assert.Equal(["one 4"], Names());
        Assert.Equal((9L, 9L), (_replica.State.Seq, _replica.State.SnapshotSeq));
        Assert.Equal(_log.ChainHash, _replica.State.ChainHash);
        Assert.Equal(0, _replica.Store.Read(connection => connection.ExecuteScalar<long>("SELECT count(*) FROM snapshot_row")));

        // The author had observed what lies below the snapshot, which this device never saw.
        var (header, envelope) = _log.Seal(_log.Header(_first, OperationKind.Put, _two, 2), Note("two, again"));
        var early = _log.Make(_first, header, envelope);
        _log.Adopt(early);
        _replica.Feed(early);
        Assert.Equal(["one 4", "two, again"], Names());
        _replica.Bookmark();
        Assert.Equal(1, _replica.Vault.Status().Pending);
    }

    [Fact]
    public void A_device_that_lagged_replaces_its_copy_and_keeps_its_edits()
    {
        _log.Put(_first, _one, 0, Note("one"));
        Enrol();
        var mine = _replica.Vault.Add(Note("mine, not sent yet"));
        for (var rev = 1; rev < 4; rev++)
        {
            _log.Put(_first, _one, (ulong)rev, Note($"one {rev}"));
        }

        var (begin, rows) = Snapshot();
        _replica.TakeSnapshot(begin, rows);
        Assert.Equal(["mine, not sent yet", "one 3"], Names());
        Assert.True(_replica.Vault.Find(mine)!.Pending);
        _replica.Bookmark();
        var sent = new List<Operation>();
        _replica.Take(sent);
        Adopt([.. sent]);
        _replica.Feed(_log.Entries[^1]);
        Assert.False(_replica.Vault.Find(mine)!.Pending);
    }

    [Fact]
    public void Rows_that_do_not_add_up_to_what_was_signed_change_nothing()
    {
        _log.Put(_first, _one, 0, Note("one"));
        Enrol();
        var before = _replica.State;
        var (header, envelope) = _log.Seal(_log.Header(_first, OperationKind.Put, _one, 1), Note("never in the log"));
        var forged = _log.Make(_first, header, envelope);
        _log.Put(_first, _one, 1, Note("one, changed"));
        var (begin, rows) = Snapshot();
        forged.Seq = rows[^1].Seq;
        var refused = Assert.Throws<Kpm1Exception>(() => _replica.TakeSnapshot(begin, [.. rows.SkipLast(1), forged]));
        Assert.Equal(Kpm1Error.CheckpointMismatch, refused.Error);
        Assert.Equal((before.Seq, before.SnapshotSeq), (_replica.State.Seq, _replica.State.SnapshotSeq));
        Assert.Equal(["one"], Names());

        // The same stream can bring the true one after it.
        _replica.TakeSnapshot(begin, rows);
        Assert.Equal(["one, changed"], Names());
    }

    [Fact]
    public void A_snapshot_that_is_behind_what_the_device_knows_is_a_rollback()
    {
        var (behind, rows) = Snapshot();
        _log.Put(_first, _one, 0, Note("one"));
        _replica.Feed(_log.Entries);
        behind.AsOf = 2;
        Assert.Equal(Kpm1Error.Rollback, Assert.Throws<Kpm1Exception>(() => _replica.TakeSnapshot(behind, rows)).Error);
        Assert.Equal((3L, 0L), (_replica.State.Seq, _replica.State.SnapshotSeq));
        Assert.Equal(["one"], Names());
    }

    [Fact]
    public void A_snapshot_that_was_cut_off_leaves_nothing_and_begins_anew()
    {
        _log.Put(_first, _one, 0, Note("one"));
        var (begin, rows) = Snapshot();
        _replica.BeginSnapshot(begin);
        _replica.AddRows(rows[..2]);
        Assert.Equal(0L, _replica.State.Seq);
        Assert.Equal(Kpm1Error.SeqGap, Assert.Throws<Kpm1Exception>(() => _replica.EndSnapshot()).Error);
        _log.Put(_first, _two, 0, Note("two"));
        var (later, more) = Snapshot();
        _replica.TakeSnapshot(later, more);
        Assert.Equal(["one", "two"], Names());
    }

    [Fact]
    public void What_was_sent_before_a_snapshot_waits_for_its_result()
    {
        _log.Put(_first, _one, 0, Note("one"));
        Enrol();
        var found = _replica.Vault.Find(_one)!;
        var edited = found.Item!.Clone();
        edited.Name = "mine";
        _replica.Vault.Edit(found, edited);
        var sent = new List<Operation>();
        _replica.Take(sent);

        // It was applied; the result was lost, and another device has gone on from it.
        Adopt([.. sent]);
        _log.Put(_first, _one, 2, Note("theirs, after mine"));
        var (begin, rows) = Snapshot();
        _replica.TakeSnapshot(begin, rows);
        _replica.Bookmark();
        Assert.Equal(1, _replica.Vault.Status().Pending);
        var again = new List<Operation>();
        _replica.Take(again);
        Assert.Equal(sent, again);
        _replica.Result(new OperationResult { OpId = sent[0].OpId, OpSeq = sent[0].OpSeq, Applied = new OperationResult.Types.Applied { Seq = 5, Rev = 2 } });
        Assert.Equal(0, _replica.Vault.Status().Pending);
        Assert.Equal("theirs, after mine", _replica.Vault.Find(_one)!.Item!.Name);
        Assert.Empty(_replica.Vault.Find(_one)!.Item!.KeptValues);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_not_applied_before_a_snapshot_is_merged(bool forgotten)
    {
        _log.Put(_first, _one, 0, Note("one"));
        Enrol();
        var found = _replica.Vault.Find(_one)!;
        var edited = found.Item!.Clone();
        edited.Notes = "mine";
        _replica.Vault.Edit(found, edited);
        var sent = new List<Operation>();
        _replica.Take(sent);
        _log.Put(_first, _one, 1, Note("theirs"));
        var (begin, rows) = Snapshot();
        _replica.TakeSnapshot(begin, rows);
        var result = new OperationResult { OpId = sent[0].OpId, OpSeq = sent[0].OpSeq };
        if (forgotten)
        {
            result.Rejected = new OperationResult.Types.Rejected { Reason = RejectionReason.ResultForgotten };
        }
        else
        {
            result.Conflict = new OperationResult.Types.Conflict { Rev = 2 };
        }

        _replica.Result(result);
        var item = _replica.Vault.Find(_one)!;
        Assert.Equal(("theirs", "mine", true), (item.Item!.Name, item.Item.Notes, item.Pending));
        var anew = new List<Operation>();
        _replica.Take(anew);
        Assert.Equal((2UL, true), (Assert.Single(anew).BaseRev, anew[0].OpSeq > sent[0].OpSeq));
    }

    [Fact]
    public void A_snapshot_with_an_operation_of_this_device_that_it_never_made_is_refused()
    {
        Enrol();
        _replica.Vault.Add(Note("of a clone"));
        var made = new List<Operation>();
        _replica.Take(made);
        Adopt([.. made]);
        _replica.Forget(made[0].OpSeq);
        var (begin, rows) = Snapshot();
        Assert.Equal(Kpm1Error.OwnOperationUnknown, Assert.Throws<Kpm1Exception>(() => _replica.TakeSnapshot(begin, rows)).Error);
    }

    [Fact]
    public void A_superseded_row_needs_its_successor_before_the_bookmark()
    {
        _log.Put(_first, _one, 0, Note("one"));
        var (begin, rows) = Snapshot();
        var shown = rows.ConvertAll(row => row.Clone());
        (shown[^1].Superseded, shown[^1].Envelope) = (true, ByteString.Empty);
        _replica.TakeSnapshot(begin, shown);
        Assert.Equal(Kpm1Error.EnvelopeWithheld, Assert.Throws<Kpm1Exception>(_replica.Bookmark).Error);
        _replica.Feed(_log.Put(_first, _one, 1, Note("one, changed")));
        _replica.Bookmark();
        Assert.Equal(["one, changed"], Names());
    }

    [Fact]
    public void A_device_signs_what_it_has_verified_itself_and_others_take_it()
    {
        _log.Put(_first, _one, 0, Note("one"));
        _replica.Feed(_log.Entries);
        Assert.Null(_replica.Checkpoint(3));
        Enrol2();
        Assert.Null(_replica.Checkpoint(3));
        var published = _replica.Checkpoint(4)!;
        var checkpoint = Checkpoint.Parse(published.Checkpoint.Span);
        var (expected, rows) = _log.Snapshot(_first);
        Assert.Equal(expected with { Device = _replica.DeviceId, ChainHash = checkpoint.ChainHash, Root = checkpoint.Root }, checkpoint);
        Assert.Equal(expected.Root.ToArray(), checkpoint.Root.ToArray());
        Assert.Equal(_log.ChainHash, checkpoint.ChainHash.ToArray());
        using var other = new Replica(_server, _log, TimeProvider.System);
        other.TakeSnapshot(new SnapshotBegin { AsOf = 4, Rows = 4, Checkpoint = published.Checkpoint, Signature = published.Signature }, rows);
        Assert.Equal("one", Assert.Single(other.Vault.List()).Item!.Name);

        void Enrol2()
        {
            _replica.Bookmark();
            var made = new List<Operation>();
            _replica.Take(made);
            Adopt([.. made]);
            _replica.Feed(_log.Entries[^1]);
        }
    }

    [Fact]
    public void Revoked_devices_of_a_snapshot_stay_out()
    {
        using var second = new TestDevice("device 2");
        _log.Enrol(second, _log.Entry(second, Enrolment.Keyed));
        _log.Put(second, _one, 0, Note("before"));
        _log.Revoke(_first, second).MoreInBatch = false;
        var (begin, rows) = Snapshot();
        _replica.TakeSnapshot(begin, rows);
        Assert.Equal(1, _replica.Vault.Status().Devices);
        var late = _log.Make(second, _log.Header(second, OperationKind.Delete, _one, 1), []);
        Assert.Equal(Kpm1Error.DeviceRevoked, Assert.Throws<Kpm1Exception>(() => _replica.Feed(late)).Error);
        Assert.Equal(SHA256.HashData(rows[^1].Header.Span), SHA256.HashData(_replica.Store.Read(connection => LogStore.HeaderAt(connection, 5))!));
    }
}
