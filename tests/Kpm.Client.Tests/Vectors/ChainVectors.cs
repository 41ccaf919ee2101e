using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.V1;
using static Kpm.Client.Tests.Vectors.VectorInputs;

namespace Kpm.Client.Tests.Vectors;

/// <summary>One honest log, and many last entries that a verifier must refuse.</summary>
internal sealed class ChainVectors : IDisposable
{
    private readonly VectorFile _file = new("chain", "A log under account_key, vault_keys and directory_keys, of generation 1. chain_hash is h_n after the entry; message is the item's plaintext. A negative's log is a list of entries, where a number n stands for entry n (seq n) of the first positive: all but the last are accepted, the last is refused.");
    private readonly TestLog _log;
    private readonly TestDevice _first = new("device 1");
    private readonly TestDevice _second = new("device 2");
    private readonly TestDevice _third = new("device 3");
    private readonly TestDevice _stranger = new("device 4");
    private readonly Guid _item = Id("item 1");
    private readonly Guid _other = Id("item 2");

    private ChainVectors(StickySigner signer) => _log = new TestLog(signer);

    public static VectorFile Make(StickySigner signer)
    {
        using var vectors = new ChainVectors(signer);
        vectors.AddLog();
        vectors.AddPlace();
        vectors.AddHeaders();
        vectors.AddDirectory();
        vectors.AddKeysets();
        return vectors._file;
    }

    public void Dispose()
    {
        _log.Dispose();
        foreach (var device in new[] { _first, _second, _third, _stranger })
        {
            device.Dispose();
        }
    }

    private void AddLog()
    {
        _log.Enrol(_first, _log.Entry(_first, Enrolment.Root));
        _log.PutKeyset(_first, _log.FirstKeyset());
        _log.Put(_first, _item, 0, new Item { Name = "one" });
        _log.Enrol(_second, _log.Entry(_second, Enrolment.Keyed));
        _log.Put(_second, _item, 1, new Item { Name = "one, changed" });
        _log.Put(_first, _other, 0, new Item { Name = "two" });
        _log.Enrol(_third, _log.Approved(_third, _first));
        _log.Delete(_third, _other, 1);
        _log.Put(_second, _other, 2, new Item { Name = "two, restored" });
        var entries = new JsonArray();
        foreach (var change in _log.Entries)
        {
            var entry = Describe(change);
            entry["chain_hash"] = Hex(_log.ChainHashAt(change.Seq));
            if (change.Kind == OperationKind.Put)
            {
                entry["message"] = Hex(ItemEnvelope.Open(change.Envelope.Span, OperationHeader.Parse(change.Header.Span), _log.Keys).ToByteArray());
            }

            entries.Add(entry);
        }

        _file.Positive.Add(new JsonObject
        {
            ["name"] = "three devices, two items",
            ["account"] = _log.Account.ToString("D"),
            ["generation"] = "1",
            ["account_key"] = Hex(_log.Keys.Account.Key),
            ["vault_keys"] = new JsonObject { ["1"] = Hex(_log.Keys.Of(1).VaultKey) },
            ["directory_keys"] = new JsonObject { ["1"] = Hex(_log.Keys.Of(1).DirectoryKey) },
            ["entries"] = entries,
        });
    }

    private void AddPlace()
    {
        Refuse("the first entry is missing", Kpm1Error.SeqGap, [2]);
        Refuse("an entry is missing", Kpm1Error.SeqGap, [1, 2, 3, 5]);
        Refuse("an entry comes twice", Kpm1Error.SeqGap, [1, 2, 3, 3]);
        Refuse("an older entry comes again", Kpm1Error.SeqGap, [1, 2, 3, 4, 2]);
        Refuse("two entries are swapped", Kpm1Error.SeqGap, [1, 2, 3, 4, 6]);
        Refuse("an entry is dropped and the next renumbered", Kpm1Error.DeviceUnknown, [1, 2, 3, Moved(5, 4)]);
        Refuse("an entry is replayed under the next seq", Kpm1Error.OpSeqNotRising, [1, 2, 3, Moved(3, 4)]);
        Refuse("two entries are swapped and renumbered", Kpm1Error.ObservationMismatch, [1, 2, 3, 4, Moved(6, 5)]);
        Refuse("a restoration before its deletion", Kpm1Error.RevMismatch, [1, 2, 3, 4, 5, 6, 7, Moved(9, 8)]);
        Refuse("seq 0", Kpm1Error.SeqGap, [Moved(1, 0)]);
    }

    private void AddHeaders()
    {
        var full = Enumerable.Range(1, 9).ToArray();
        void Next(string name, Kpm1Error error, Change change) => Refuse(name, error, [.. full.Select(n => (object)n), change]);
        Change Put(Func<OperationHeader, OperationHeader> change, TestDevice? author = null, TestDevice? signer = null)
        {
            var (header, envelope) = _log.Seal(change(_log.Header(author ?? _first, OperationKind.Put, _item, 2)), new Item { Name = "refused" });
            return _log.Make(signer ?? author ?? _first, header, envelope);
        }

        var honest = Put(header => header);
        var bad = new List<(string Name, Kpm1Error Error, Action<Change> Change)>
        {
            ("kind of the message differs", Kpm1Error.HeaderMismatch, change => change.Kind = OperationKind.Delete),
            ("subject of the message differs", Kpm1Error.HeaderMismatch, change => change.SubjectId = _other.ToString("D")),
            ("subject of the message is nobody's", Kpm1Error.HeaderMismatch, change => change.SubjectId = Id("item 3").ToString("D")),
            ("rev of the message differs", Kpm1Error.HeaderMismatch, change => change.Rev++),
            ("header truncated", Kpm1Error.StructureInvalid, change => change.Header = ByteString.CopyFrom(change.Header.Span[..^1])),
            ("header of another suite", Kpm1Error.SuiteUnknown, change => change.Header = ByteString.CopyFrom([.. change.Header.Span[..5], 2, .. change.Header.Span[6..]])),
            ("op_id changed", Kpm1Error.SignatureInvalid, change => change.Header = ByteString.CopyFrom([.. change.Header.Span[..72], (byte)(change.Header.Span[72] ^ 1), .. change.Header.Span[73..]])),
            ("envelope changed", Kpm1Error.EnvelopeHashMismatch, change => change.Envelope = ByteString.CopyFrom([.. change.Envelope.Span[..^1], (byte)(change.Envelope.Span[^1] ^ 1)])),
            ("envelope of another item", Kpm1Error.EnvelopeHashMismatch, change => change.Envelope = _log.Entries[5].Envelope),
            ("envelope missing", Kpm1Error.EnvelopeHashMismatch, change => change.Envelope = ByteString.Empty),
            ("superseded, yet with an envelope", Kpm1Error.EnvelopeHashMismatch, change => change.Superseded = true),
            ("signature missing", Kpm1Error.SignatureInvalid, change => change.Signature = ByteString.Empty),
            ("signature changed", Kpm1Error.SignatureInvalid, change => change.Signature = ByteString.CopyFrom([.. change.Signature.Span[..^1], (byte)(change.Signature.Span[^1] ^ 1)])),
            ("signature of another entry", Kpm1Error.SignatureInvalid, change => change.Signature = _log.Entries[5].Signature),
        };
        foreach (var (name, error, tamper) in bad)
        {
            var tampered = honest.Clone();
            tamper(tampered);
            Next(name, error, tampered);
        }

        Next("another account", Kpm1Error.WrongVault, Put(header => header with { Account = Id("another account") }));
        Next("another vault", Kpm1Error.WrongVault, Put(header => header with { Vault = Id("another account") }));
        Next("a generation to come", Kpm1Error.GenerationChanged, Put(header => header with { Generation = 2 }));
        Next("a device that is not in the directory", Kpm1Error.DeviceUnknown, Put(header => header, _stranger));
        Next("signed by another device of the directory", Kpm1Error.SignatureInvalid, Put(header => header, _first, _second));
        Next("op_seq used before", Kpm1Error.OpSeqNotRising, Put(header => header with { OpSeq = _first.LastOpSeq }));
        Next("op_seq below", Kpm1Error.OpSeqNotRising, Put(header => header with { OpSeq = 1 }));
        Next("base_rev below", Kpm1Error.RevMismatch, Put(header => header with { BaseRev = 1 }));
        Next("base_rev above", Kpm1Error.RevMismatch, Put(header => header with { BaseRev = 3 }));
        Next("creates what is there", Kpm1Error.RevMismatch, Put(header => header with { BaseRev = 0 }));
        Next("changes what is not there", Kpm1Error.RevMismatch, Put(header => header with { Subject = Id("item 3") }));
        Next("puts an item on a device's id", Kpm1Error.RevMismatch, Put(header => header with { Subject = _second.Id, BaseRev = 1 }));
        Next("puts an item on the vault's id", Kpm1Error.RevMismatch, Put(header => header with { Subject = _log.Account, BaseRev = 1 }));
        Next("a key epoch to come", Kpm1Error.EpochMismatch, PutOfEpoch(2));
        Next("observed what is not there yet", Kpm1Error.ObservationMismatch, Put(header => header with { ObservedSeq = 10 }));
        Next("observed another log", Kpm1Error.ObservationMismatch, Put(header => header with { ObservedHash = Bytes("another log", 32) }));
        Next("observed another log earlier", Kpm1Error.ObservationMismatch, Put(header => header with { ObservedSeq = 8 }));
        Next("observed less than before", Kpm1Error.ObservationMismatch, Put(header => header with { ObservedSeq = 3, ObservedHash = _log.ChainHashAt(3) }));
        Next("observed nothing any more", Kpm1Error.ObservationMismatch, Put(header => header with { ObservedSeq = 0, ObservedHash = new byte[32] }));
        var gone = _log.Header(_first, OperationKind.Delete, Id("item 3"), 1);
        Next("deletes what is not there", Kpm1Error.RevMismatch, _log.Make(_first, gone, []));
        var again = _log.Header(_second, OperationKind.Delete, _other, 2) with { ObservedSeq = 8, ObservedHash = _log.ChainHashAt(8) };
        Refuse("deletes what is deleted", Kpm1Error.RevMismatch, [.. full[..8].Select(n => (object)n), _log.Make(_second, again, [], 9)]);
        Next("deletion with an envelope", Kpm1Error.EnvelopeHashMismatch, _log.Make(_first, _log.Header(_first, OperationKind.Delete, _item, 2), [1]));
        Next("deletion of a device's entry", Kpm1Error.RevMismatch, _log.Make(_first, _log.Header(_first, OperationKind.Delete, _second.Id, 1), []));
    }

    /// <summary>No one has a key for it, so it is sealed under the current one; the epoch is refused before the envelope is opened.</summary>
    private Change PutOfEpoch(uint epoch)
    {
        var (header, envelope) = _log.Seal(_log.Header(_first, OperationKind.Put, _item, 2), new Item { Name = "refused" });
        return _log.Make(_first, header with { KeyEpoch = epoch }, envelope);
    }

    private void AddDirectory()
    {
        var full = Enumerable.Range(1, 9).Select(n => (object)n).ToArray();
        Change Enrol(DirectoryEntry entry, VaultKeys? keys = null, ulong? seq = null, TestDevice? signer = null)
        {
            var envelope = entry.ToBytes(keys ?? _log.Keys);
            var header = _log.Header(_stranger, OperationKind.DeviceKey, _stranger.Id, 0) with { EnvelopeHash = SHA256.HashData(envelope) };
            if (seq is 1)
            {
                header = header with { ObservedSeq = 0, ObservedHash = new byte[32] };
            }

            return _log.Make(signer ?? _stranger, header, envelope, seq);
        }

        using var server = VaultKeys.Create(Bytes("the server's account key", 32), Bytes("the server's vault key", 32));
        var keyed = _log.Entry(_stranger, Enrolment.Keyed);
        Refuse("log that does not begin with a device", Kpm1Error.DeviceUnknown, [Moved(2, 1)]);
        Refuse("log that begins with a keyed device", Kpm1Error.RootInvalid, [Enrol(keyed, seq: 1)]);
        Refuse("root of someone without AK", Kpm1Error.DirectoryMacInvalid, [Enrol(_log.Entry(_stranger, Enrolment.Root), server, 1)]);
        Refuse("a second root", Kpm1Error.RootInvalid, [.. full, Enrol(_log.Entry(_stranger, Enrolment.Root))]);
        Refuse("a device of the server's making", Kpm1Error.DirectoryMacInvalid, [.. full, Enrol(keyed, server)]);
        Refuse("entry of another device", Kpm1Error.HeaderMismatch, [.. full, Enrol(keyed with { Device = Id("device 5") })]);
        Refuse("entry of another account", Kpm1Error.HeaderMismatch, [.. full, Enrol(keyed with { Account = Id("another account") })]);
        Refuse("signed with another key than the entry's", Kpm1Error.SignatureInvalid, [.. full, Enrol(keyed, signer: _second)]);
        Refuse("approved by a device that is not in the directory", Kpm1Error.ApprovalInvalid, [.. full, Enrol(keyed with { Enrolment = Enrolment.Approved, Approver = Id("device 5") })]);
        Refuse("approval that does not verify", Kpm1Error.ApprovalInvalid, [.. full, Enrol(_log.Approved(_stranger, _first) with { Approver = _second.Id })]);
        var twice = _log.Entry(_second, Enrolment.Keyed).ToBytes(_log.Keys);
        var again = _log.Header(_second, OperationKind.DeviceKey, _second.Id, 0) with { EnvelopeHash = SHA256.HashData(twice) };
        Refuse("a device twice", Kpm1Error.DeviceDuplicate, [.. full, _log.Make(_second, again, twice)]);
        var superseded = Enrol(keyed);
        superseded.Envelope = ByteString.Empty;
        superseded.Superseded = true;
        Refuse("superseded directory entry", Kpm1Error.EnvelopeHashMismatch, [.. full, superseded]);
    }

    private void AddKeysets()
    {
        var full = Enumerable.Range(1, 9).Select(n => (object)n).ToArray();
        var first = KeysetEnvelope.Parse(_log.FirstKeyset());
        Change Put(KeysetEnvelope keyset, VaultKeys? keys = null, Func<OperationHeader, OperationHeader>? change = null)
        {
            var bytes = keyset.ToBytes((keys ?? _log.Keys).Account);
            var header = _log.Header(_first, OperationKind.Keyset, _log.Account, 1) with { EnvelopeHash = SHA256.HashData(bytes) };
            return _log.Make(_first, change is null ? header : change(header), bytes);
        }

        KeysetEnvelope Next(ulong rev = 2, PasswordWrap? password = null) => KeysetEnvelope.Of(_log.Account, _log.Account, rev, 1, password ?? first.Password, null, [], first.Epochs);
        using var server = VaultKeys.Create(Bytes("the server's account key", 32), Bytes("the server's vault key", 32));
        Refuse("keyset of the server's making", Kpm1Error.KeysetMacInvalid, [.. full, Put(Next(), server)]);
        Refuse("keyset of another rev", Kpm1Error.KeysetMismatch, [.. full, Put(Next(3))]);
        Refuse("keyset with KDF below the floor", Kpm1Error.KdfTooWeak, [.. full, Put(Next(password: first.Password with { Iterations = MainPassword.MinIterations - 1 }))]);
        Refuse("keyset with KDF above the ceiling", Kpm1Error.KdfTooStrong, [.. full, Put(Next(password: first.Password with { Iterations = MainPassword.MaxIterations + 1 }))]);
        Refuse("keyset on an old revision", Kpm1Error.RevMismatch, [.. full, Put(Next(), change: header => header with { BaseRev = 0 })]);
        Refuse("keyset two epochs on", Kpm1Error.EpochMismatch, [.. full, Put(Next(), change: header => header with { KeyEpoch = 3 })]);
        Refuse("keyset one epoch on in the header alone", Kpm1Error.KeysetMismatch, [.. full, Put(Next(), change: header => header with { KeyEpoch = 2 })]);
    }

    public static JsonObject Describe(Change change) => new()
    {
        ["seq"] = HeaderVectors.Number(change.Seq),
        ["kind"] = (int)change.Kind,
        ["subject"] = change.SubjectId,
        ["rev"] = HeaderVectors.Number(change.Rev),
        ["header"] = Hex(change.Header.Span),
        ["signature"] = Hex(change.Signature.Span),
        ["envelope"] = Hex(change.Envelope.Span),
        ["superseded"] = change.Superseded,
    };

    private Change Moved(int entry, ulong seq)
    {
        var moved = _log.Entries[entry - 1].Clone();
        moved.Seq = seq;
        return moved;
    }

    private void Refuse(string name, Kpm1Error error, IEnumerable<object> log) => _file.Refuse(name, error, new JsonObject
    {
        ["log"] = new JsonArray([.. log.Select(entry => entry is int n ? (JsonNode)n : Describe((Change)entry))]),
    });
}
