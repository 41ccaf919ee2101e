using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Client.Tests.Sync;

/// <summary>A device's store against results and logs as a server sends them, and as only a hostile one would.</summary>
public sealed class SyncStoreTests : IDisposable
{
    private readonly TestLog _log = new();
    private readonly TestDevice _first = new("device 1");
    private readonly TestDevice _stranger = new("device 4");
    private readonly FakeServer _server;
    private readonly Replica _replica;

    public SyncStoreTests()
    {
        _log.Enrol(_first, _log.Entry(_first, Enrolment.Root));
        _log.PutKeyset(_first, _log.FirstKeyset());
        _server = new FakeServer(_log.Account);
        foreach (var change in _log.Entries)
        {
            _server.Push(ToOperation(change));
        }

        _replica = new Replica(_server, _log, TimeProvider.System);
        _replica.SyncFully(_server);
    }

    public void Dispose()
    {
        _replica.Dispose();
        _first.Dispose();
        _stranger.Dispose();
        _log.Dispose();
    }

    private static Operation ToOperation(Change change)
    {
        var header = OperationHeader.Parse(change.Header.Span);
        return new Operation { OpSeq = header.OpSeq, OpId = header.OpId.ToString("D"), SubjectId = change.SubjectId, BaseRev = header.BaseRev, Kind = change.Kind, Header = change.Header, Signature = change.Signature, Envelope = change.Envelope };
    }

    private Guid AddSynced(string name = "item")
    {
        var id = _replica.Vault.Add(new Item { Name = name, Note = new Note() });
        _replica.SyncFully(_server);
        return id;
    }

    private void Edit(Guid id, string name)
    {
        var found = _replica.Vault.Find(id)!;
        var edited = found.Item!.Clone();
        edited.Name = name;
        Assert.True(_replica.Vault.Edit(found, edited));
    }

    [Fact]
    public void The_first_bookmark_enrols_the_device_as_keyed()
    {
        var entry = DirectoryEntry.Parse(_server.Log[2].Envelope.Span);
        Assert.Equal((Enrolment.Keyed, _replica.DeviceId), (entry.Enrolment, entry.Device));
        Assert.Equal(3UL, (ulong)_replica.State.Seq);
    }

    [Fact]
    public void An_operation_is_sent_again_with_the_same_bytes_until_its_result_is_known()
    {
        _replica.Vault.Add(new Item { Name = "once" });
        _replica.Send(_server, loseResults: true);
        var first = _replica.LastSent!.Clone();
        _replica.Send(_server, loseResults: true);
        Assert.Equal(first, _replica.LastSent);
        _replica.SyncFully(_server);
        Assert.Equal(4, _server.Log.Count);
        Assert.Equal("once", Assert.Single(_replica.Vault.List()).Item!.Name);
    }

    [Fact]
    public void Edits_before_the_first_send_make_one_operation()
    {
        var id = _replica.Vault.Add(new Item { Name = "1" });
        Edit(id, "2");
        Edit(id, "3");
        Assert.Equal(1, _replica.Vault.Status().Pending);
        _replica.SyncFully(_server);
        Assert.Equal(4, _server.Log.Count);
        Assert.Equal("3", _replica.Vault.Find(id)!.Item!.Name);
    }

    [Fact]
    public void Edits_before_the_first_synchronisation_are_sent_behind_the_devices_entry()
    {
        using var newcomer = new Replica(_server, _log, TimeProvider.System);
        var item = newcomer.Vault.Add(new Item { Name = "made before the device was enrolled" });

        newcomer.SyncFully(_server);

        Assert.Equal((0, 0), (newcomer.Vault.Status().Pending, newcomer.Vault.Status().Refused));
        Assert.Equal([OperationKind.DeviceKey, OperationKind.Put], _server.Log.TakeLast(2).Select(change => change.Kind));
        Assert.Equal(item.ToString("D"), _server.Log[^1].SubjectId);
    }

    [Fact]
    public void An_edit_behind_a_sent_one_waits_for_its_result()
    {
        var id = _replica.Vault.Add(new Item { Name = "1" });
        _replica.Send(_server, loseResults: true);
        Edit(id, "2");
        Assert.Equal(2, _replica.Vault.Status().Pending);
        _replica.Send(_server, loseResults: true);
        Assert.Equal(4, _server.Log.Count);
        _replica.SyncFully(_server);
        Assert.Equal((5, "2", 2UL), (_server.Log.Count, _replica.Vault.Find(id)!.Item!.Name, _replica.Vault.Find(id)!.Rev));
    }

    [Fact]
    public void An_item_that_was_never_sent_leaves_nothing_when_it_is_removed()
    {
        var id = _replica.Vault.Add(new Item { Name = "1" });
        Assert.True(_replica.Vault.Remove(id));
        Assert.False(_replica.Vault.Remove(id));
        Assert.Null(_replica.Vault.Find(id));
        Assert.Equal((0, 0), (_replica.Vault.Status().Pending, _replica.Vault.Status().Items));
    }

    [Fact]
    public void A_refused_operation_is_kept_and_shown_and_a_new_edit_takes_its_place()
    {
        var id = _replica.Vault.Add(new Item { Name = "1" });
        var sent = new List<Operation>();
        _replica.Take(sent);
        var events = _replica.Result(new OperationResult { OpId = sent[0].OpId, OpSeq = sent[0].OpSeq, Rejected = new OperationResult.Types.Rejected { Reason = RejectionReason.QuotaExceeded } });
        Assert.Equal([new SyncEvent.Refused(id, "QUOTA_EXCEEDED")], events);
        var item = _replica.Vault.Find(id)!;
        Assert.Equal(("QUOTA_EXCEEDED", false, "1"), (item.Refusal, item.Pending, item.Item!.Name));
        Assert.Equal(1, _replica.Vault.Status().Refused);
        Edit(id, "2");
        Assert.Equal((1, 0), (_replica.Vault.Status().Pending, _replica.Vault.Status().Refused));
    }

    [Fact]
    public void A_device_fork_stops()
    {
        _replica.Vault.Add(new Item { Name = "1" });
        var sent = new List<Operation>();
        _replica.Take(sent);
        var stopped = Assert.Throws<SyncStoppedException>(() => _replica.Result(new OperationResult { OpId = sent[0].OpId, OpSeq = sent[0].OpSeq, Rejected = new OperationResult.Types.Rejected { Reason = RejectionReason.DeviceFork } }));
        Assert.Equal(SyncStop.DeviceFork, stopped.Reason);
        Assert.Equal(1, _replica.Vault.Status().Pending);
    }

    [Fact]
    public void A_result_of_an_operation_that_is_not_here_changes_nothing()
    {
        _replica.Vault.Add(new Item { Name = "1" });
        var sent = new List<Operation>();
        _replica.Take(sent);
        Assert.Empty(_replica.Result(new OperationResult { OpId = Guid.Empty.ToString("D"), OpSeq = sent[0].OpSeq, Applied = new OperationResult.Types.Applied { Seq = 9, Rev = 1 } }));
        Assert.Equal(1, _replica.Vault.Status().Pending);
    }

    /// <summary>Attacks on the next entry. chain.json has the verifier's; here the store must be as it was before, and go on.</summary>
    public static TheoryData<string, Kpm1Error> Attacks => new()
    {
        { "drop", Kpm1Error.SeqGap },
        { "replay", Kpm1Error.SeqGap },
        { "renumber", Kpm1Error.OpSeqNotRising },
        { "swap envelopes", Kpm1Error.EnvelopeHashMismatch },
        { "swap items", Kpm1Error.HeaderMismatch },
        { "flip header", Kpm1Error.SignatureInvalid },
        { "strip signature", Kpm1Error.SignatureInvalid },
        { "invent a device", Kpm1Error.DirectoryMacInvalid },
        { "write as a stranger", Kpm1Error.DeviceUnknown },
        { "write as this device", Kpm1Error.SignatureInvalid },
        { "fork", Kpm1Error.ObservationMismatch },
        { "withhold a keyset's strength", Kpm1Error.KdfTooWeak },
        { "another account", Kpm1Error.WrongVault },
    };

    [Theory]
    [MemberData(nameof(Attacks))]
    public void A_hostile_log_is_refused_as_a_whole_and_the_honest_one_goes_on(string attack, Kpm1Error error)
    {
        // The replica's own entries are part of the log that the first device continues.
        foreach (var change in _server.Log.Skip(_log.Entries.Count).ToList())
        {
            _log.Adopt(change);
        }

        var (one, two) = (Vectors.VectorInputs.Id("item 1"), Vectors.VectorInputs.Id("item 2"));
        var good = _log.Put(_first, one, 0, new Item { Name = "one" });
        var next = _log.Put(_first, two, 0, new Item { Name = "two" });
        var before = _replica.State;
        var hostile = Hostile(attack, good, next);
        Assert.Equal(error, Assert.Throws<Kpm1Exception>(() => _replica.Feed(hostile)).Error);
        Assert.Equal(before.Seq, _replica.State.Seq);
        Assert.Equal(before.ChainHash, _replica.State.ChainHash);
        Assert.Empty(_replica.Vault.List());

        _replica.Feed(good, next);
        Assert.Equal(["one", "two"], _replica.Vault.List().Select(item => item.Item!.Name).Order(StringComparer.Ordinal));
    }

    private Change[] Hostile(string attack, Change good, Change next)
    {
        var changed = next.Clone();
        switch (attack)
        {
            case "drop":
                return [next];
            case "replay":
                return [good, good];
            case "renumber":
                changed = good.Clone();
                changed.Seq++;
                return [good, changed];
            case "swap envelopes":
                changed.Envelope = good.Envelope;
                return [good, changed];
            case "swap items":
                changed.SubjectId = good.SubjectId;
                return [good, changed];
            case "flip header":
                changed.Header = ByteString.CopyFrom([.. changed.Header.Span[..75], (byte)(changed.Header.Span[75] ^ 1), .. changed.Header.Span[76..]]);
                return [good, changed];
            case "strip signature":
                changed.Signature = ByteString.Empty;
                return [good, changed];
            case "invent a device":
                using (var server = VaultKeys.Create())
                {
                    var entry = _log.Entry(_stranger, Enrolment.Keyed).ToBytes(server);
                    var header = _log.Header(_stranger, OperationKind.DeviceKey, _stranger.Id, 0) with { EnvelopeHash = System.Security.Cryptography.SHA256.HashData(entry) };
                    return [good, next, _log.Make(_stranger, header, entry)];
                }

            case "write as a stranger":
                return [good, next, _log.Make(_stranger, _log.Header(_stranger, OperationKind.Delete, _log.Account, 1) with { Subject = Guid.Parse(good.SubjectId) }, [])];
            case "write as this device":
                return [good, next, _log.Make(_stranger, _log.Header(_stranger, OperationKind.Delete, Guid.Parse(good.SubjectId), 1) with { Device = _replica.DeviceId, OpSeq = 99 }, [])];
            case "fork":
                var (forked, envelope) = _log.Seal(_log.Header(_first, OperationKind.Put, Vectors.VectorInputs.Id("item 3"), 0) with { ObservedSeq = 3, ObservedHash = new byte[32] }, new Item());
                return [good, next, _log.Make(_first, forked, envelope)];
            case "withhold a keyset's strength":
                var first = KeysetEnvelope.Parse(_log.FirstKeyset());
                var weak = KeysetEnvelope.Of(_log.Account, _log.Account, 2, 1, first.Password with { Iterations = 1000 }, null, [], first.Epochs).ToBytes(_log.Keys.Account);
                return [good, next, _log.Make(_first, _log.Header(_first, OperationKind.Keyset, _log.Account, 1) with { EnvelopeHash = System.Security.Cryptography.SHA256.HashData(weak) }, weak)];
            default:
                var (other, otherEnvelope) = _log.Seal(_log.Header(_first, OperationKind.Put, Vectors.VectorInputs.Id("item 3"), 0) with { Account = Vectors.VectorInputs.Id("another") }, new Item());
                return [good, next, _log.Make(_first, other, otherEnvelope)];
        }
    }

    [Fact]
    public void An_operation_with_this_devices_own_signature_that_it_does_not_remember_is_refused()
    {
        // As after a copy of the data folder: the clone signs with the same key.
        AddSynced();
        _replica.Vault.Add(new Item { Name = "made by the clone" });
        var made = new List<Operation>();
        _replica.Take(made);
        _replica.Forget(made[0].OpSeq);
        _server.Push(made[0]);
        Assert.Equal(Kpm1Error.OwnOperationUnknown, Assert.Throws<Kpm1Exception>(() => _replica.Pull(_server)).Error);
    }

    [Fact]
    public void A_superseded_revision_needs_its_successor_before_the_bookmark()
    {
        foreach (var change in _server.Log.Skip(_log.Entries.Count).ToList())
        {
            _log.Adopt(change);
        }

        var item = Vectors.VectorInputs.Id("item 1");
        var old = _log.Put(_first, item, 0, new Item { Name = "old" }).Clone();
        var current = _log.Put(_first, item, 1, new Item { Name = "current" });
        old.Superseded = true;
        old.Envelope = ByteString.Empty;
        _replica.Feed(old);
        Assert.Equal("ENVELOPE_WITHHELD", _replica.Vault.Find(item)!.Unreadable);
        Assert.Equal(Kpm1Error.EnvelopeWithheld, Assert.Throws<Kpm1Exception>(_replica.Bookmark).Error);
        _replica.Feed(current);
        _replica.Bookmark();
        Assert.Equal("current", _replica.Vault.Find(item)!.Item!.Name);
    }

    [Fact]
    public void An_item_of_a_newer_schema_is_kept_shown_as_such_and_never_rewritten()
    {
        var id = AddSynced();
        foreach (var change in _server.Log.Skip(_log.Entries.Count).ToList())
        {
            _log.Adopt(change);
        }

        Edit(id, "mine");
        var header = _log.Header(_first, OperationKind.Put, id, 1);
        var (sealedHeader, envelope) = _log.Seal(header with { Schema = 2 }, new Item { Name = "newer" });
        var events = _replica.Feed(_log.Append(_first, sealedHeader, envelope));
        Assert.Contains(new SyncEvent.Refused(id, "SCHEMA_UNKNOWN"), events);
        Assert.Equal(1, _replica.Vault.Status().Refused);
        Assert.Equal(envelope, _replica.Store.Read(connection => LogStore.SubjectRow(connection, id)!.Envelope));
    }

    [Fact]
    public void A_deletion_gives_way_to_an_edit_and_an_edit_brings_a_deleted_item_back()
    {
        var id = AddSynced("item");
        using var other = new Replica(_server, _log, TimeProvider.System);
        other.SyncFully(_server);
        var found = other.Vault.Find(id)!;
        var edited = found.Item!.Clone();
        edited.Notes = "edited";
        other.Vault.Edit(found, edited);
        Assert.True(_replica.Vault.Remove(id));
        other.SyncFully(_server);
        _replica.SyncFully(_server);
        Assert.Contains(new SyncEvent.DeletionDropped(id), _replica.Events);
        Assert.Equal("edited", _replica.Vault.Find(id)!.Item!.Notes);

        Assert.True(other.Vault.Remove(id));
        Edit(id, "again");
        other.SyncFully(_server);
        _replica.SyncFully(_server);
        Assert.Contains(new SyncEvent.Restored(id), _replica.Events);
        other.SyncFully(_server);
        Assert.Equal("again", other.Vault.Find(id)!.Item!.Name);
    }
}
