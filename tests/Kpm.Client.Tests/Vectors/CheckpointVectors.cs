using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.V1;
using static Kpm.Client.Tests.Vectors.VectorInputs;

namespace Kpm.Client.Tests.Vectors;

/// <summary>Checkpoints alone, their trees, and snapshots.</summary>
internal sealed class CheckpointVectors : IDisposable
{
    private readonly VectorFile _file = new("checkpoint", "Three parts, told apart by part. layout: a checkpoint's fields and its author's signature under signing_key; a flip is applied to the checkpoint of the first positive. tree: leaves and their root. snapshot: the checkpoint, its signature, as_of, row_count and rows that a client of the account and generation gets, who has the keys by epoch and knew the leaves in known; a number n among a negative's rows stands for row n of the first snapshot. What a negative snapshot does not say is that of the first one.");
    private readonly StickySigner _signer;
    private readonly TestLog _log;
    private readonly TestDevice[] _devices;
    private readonly Checkpoint _checkpoint;
    private readonly List<Change> _rows;

    private CheckpointVectors(StickySigner signer)
    {
        _signer = signer;
        (_log, _devices) = RekeyVectors.HonestLog(signer);
        (_checkpoint, _rows) = _log.Snapshot(_devices[1]);
    }

    public static VectorFile Make(StickySigner signer)
    {
        using var vectors = new CheckpointVectors(signer);
        vectors.AddLayouts();
        vectors.AddTrees();
        vectors.AddSnapshots();
        vectors.AddRefusedStatements();
        vectors.AddRefusedRows();
        vectors.AddRollbacks();
        return vectors._file;
    }

    public void Dispose()
    {
        _log.Dispose();
        foreach (var device in _devices)
        {
            device.Dispose();
        }
    }

    private void AddLayouts()
    {
        var bytes = _checkpoint.ToBytes();
        foreach (var (name, checkpoint) in new[]
        {
            ("of a log", _checkpoint),
            ("greatest numbers", _checkpoint with { Generation = long.MaxValue, Seq = long.MaxValue, Leaves = long.MaxValue, KeyEpoch = uint.MaxValue }),
            ("of the first entry", _checkpoint with { Seq = 1, Leaves = 1, KeyEpoch = 1 }),
        })
        {
            _file.Positive.Add(new JsonObject
            {
                ["name"] = name,
                ["part"] = "layout",
                ["account"] = checkpoint.Account.ToString("D"),
                ["vault"] = checkpoint.Vault.ToString("D"),
                ["generation"] = HeaderVectors.Number(checkpoint.Generation),
                ["device"] = checkpoint.Device.ToString("D"),
                ["seq"] = HeaderVectors.Number(checkpoint.Seq),
                ["chain_hash"] = Hex(checkpoint.ChainHash.Span),
                ["key_epoch"] = checkpoint.KeyEpoch,
                ["leaf_count"] = HeaderVectors.Number(checkpoint.Leaves),
                ["root"] = Hex(checkpoint.Root.Span),
                ["checkpoint"] = Hex(checkpoint.ToBytes()),
                ["signing_key"] = Hex(P256.PublicKey(_devices[1].Signing)),
                ["signature"] = Hex(_log.Sign(_devices[1], checkpoint.ToBytes())),
            });
        }

        for (var offset = 0; offset < Checkpoint.Size; offset++)
        {
            var flip = VectorFile.Flip(offset);
            flip["part"] = "layout";
            _file.Refuse($"byte {offset} flipped", ErrorOfFlip(offset), flip);
        }

        void Refuse(string name, byte[] made) => _file.Refuse(name, Kpm1Error.StructureInvalid, new JsonObject { ["part"] = "layout", ["checkpoint"] = Hex(made) });
        Refuse("empty", []);
        Refuse("one byte short", bytes[..^1]);
        Refuse("one byte long", [.. bytes, 0]);
        Refuse("seq 0", With(bytes, 64, new byte[8]));
        Refuse("generation above 2^63 - 1", With(bytes, 40, [128]));
        Refuse("no leaves", With(bytes, 112, new byte[8]));
        Refuse("more leaves than entries", With(bytes, 112, [0, 0, 0, 0, 0, 0, 0, 13]));
        Refuse("key epoch 0", With(bytes, 104, new byte[4]));
    }

    /// <summary>What the layout says of 8 leaves and 12 entries with the lowest bit of one byte flipped; where it is well-formed still, the signature fails.</summary>
    private static Kpm1Error ErrorOfFlip(int offset) => offset switch
    {
        5 => Kpm1Error.SuiteUnknown,
        < 8 => Kpm1Error.StructureInvalid,
        47 => Kpm1Error.StructureInvalid,                // generation 1 becomes 0
        >= 108 and < 119 => Kpm1Error.StructureInvalid,  // zero bytes; more leaves than entries
        _ => Kpm1Error.SignatureInvalid,
    };

    private void AddTrees()
    {
        foreach (var count in new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 33 })
        {
            var tree = new SnapshotTree();
            var leaves = new JsonArray();
            foreach (var (subject, i) in Enumerable.Range(1, count).Select(n => Id($"leaf {n}")).Order(new HeaderVectors.BigEndianOrder()).Select((subject, i) => (subject, (ulong)i)))
            {
                var hash = SHA256.HashData(Bytes($"header of leaf {i}", 234));
                tree.Add(subject, i + 1, (3 * i) + 2, hash);
                leaves.Add(new JsonObject
                {
                    ["subject"] = subject.ToString("D"),
                    ["rev"] = HeaderVectors.Number(i + 1),
                    ["seq"] = HeaderVectors.Number((3 * i) + 2),
                    ["header_hash"] = Hex(hash),
                    ["leaf"] = Hex(SnapshotTree.Leaf(subject, i + 1, (3 * i) + 2, hash)),
                });
            }

            _file.Positive.Add(new JsonObject { ["name"] = $"{count} leaves", ["part"] = "tree", ["leaves"] = leaves, ["root"] = Hex(tree.Root()) });
        }
    }

    private void AddSnapshots()
    {
        JsonObject Positive(string name, IEnumerable<Change> rows, JsonArray known, string generation = "1")
        {
            var vector = new JsonObject
            {
                ["name"] = name,
                ["part"] = "snapshot",
                ["account"] = _log.Account.ToString("D"),
                ["generation"] = generation,
                ["account_keys"] = new JsonObject { ["2"] = Hex(_log.Keys.Account.Key) },
                ["vault_keys"] = new JsonObject { ["1"] = Hex(_log.Keys.Of(1).VaultKey), ["2"] = Hex(_log.Keys.Of(2).VaultKey) },
                ["directory_keys"] = new JsonObject { ["1"] = Hex(_log.Keys.Of(1).DirectoryKey), ["2"] = Hex(_log.Keys.Of(2).DirectoryKey) },
            };
            foreach (var (key, value) in Snapshot(_checkpoint, rows, known))
            {
                vector[key] = value?.DeepClone();
            }

            return vector;
        }

        _file.Positive.Add(Positive("of a client that knows nothing", _rows, []));
        _file.Positive.Add(Positive("of a client that knows every leaf", _rows, [.. _rows.Select(Leaf)]));
        _file.Positive.Add(Positive("of a client that knows an older revision", _rows, [Leaf(_log.Entries[3])]));
        var restored = Positive("of an earlier generation, after a restored backup", _rows, []);
        restored["generation"] = "2";
        _file.Positive.Add(restored);
        var superseded = _rows.ConvertAll(row => row.Clone());
        foreach (var row in superseded.Where(row => row.Kind is OperationKind.Put or OperationKind.Keyset))
        {
            (row.Superseded, row.Envelope) = (true, ByteString.Empty);
        }

        _file.Positive.Add(Positive("of which later changes replace an item and the keyset", superseded, []));
        _file.Positive.Add(Positive("of the generation before a restored backup", _rows, [], "2"));
    }

    private void AddRefusedStatements()
    {
        void Changed(string name, Kpm1Error error, Checkpoint checkpoint, TestDevice? by = null, JsonObject? more = null)
        {
            var vector = new JsonObject
            {
                ["part"] = "snapshot",
                ["checkpoint"] = Hex(checkpoint.ToBytes()),
                ["signature"] = Hex(_log.Sign(by ?? _devices[1], checkpoint.ToBytes())),
            };
            foreach (var (key, value) in more ?? [])
            {
                vector[key] = value?.DeepClone();
            }

            _file.Refuse(name, error, vector);
        }

        Changed("checkpoint of another account", Kpm1Error.WrongVault, _checkpoint with { Account = Id("another account") });
        Changed("checkpoint of another vault", Kpm1Error.WrongVault, _checkpoint with { Vault = Id("another account") });
        Changed("checkpoint of a later generation", Kpm1Error.GenerationChanged, _checkpoint with { Generation = 2 });
        Changed("as_of is not the checkpoint's", Kpm1Error.SeqGap, _checkpoint, more: new JsonObject { ["as_of"] = "11" });
        Changed("more rows promised than leaves", Kpm1Error.SeqGap, _checkpoint, more: new JsonObject { ["row_count"] = HeaderVectors.Number((ulong)_rows.Count + 1) });
        Changed("fewer leaves than rows", Kpm1Error.SeqGap, _checkpoint with { Leaves = _checkpoint.Leaves - 1 });
        Changed("another root", Kpm1Error.CheckpointMismatch, _checkpoint with { Root = Bytes("another root", 32) });
        Changed("author that is not in the directory", Kpm1Error.DeviceUnknown, _checkpoint with { Device = _devices[4].Id }, _devices[4]);
        Changed("author that is revoked", Kpm1Error.DeviceRevoked, _checkpoint with { Device = _devices[2].Id }, _devices[2]);
        Changed("signed by another device", Kpm1Error.SignatureInvalid, _checkpoint, _devices[0]);
        Changed("chain hash changed after signing", Kpm1Error.SignatureInvalid, _checkpoint with { ChainHash = Bytes("another chain", 32) }, more: new JsonObject { ["signature"] = Hex(_log.Sign(_devices[1], _checkpoint.ToBytes())) });
        Changed("key epoch changed after signing", Kpm1Error.SignatureInvalid, _checkpoint with { KeyEpoch = 1 }, more: new JsonObject { ["signature"] = Hex(_log.Sign(_devices[1], _checkpoint.ToBytes())) });
    }

    private void AddRefusedRows()
    {
        object[] all = [.. Enumerable.Range(1, _rows.Count).Select(n => (object)n)];
        void Rows(string name, Kpm1Error error, IEnumerable<object> rows) => _file.Refuse(name, error, new JsonObject
        {
            ["part"] = "snapshot",
            ["rows"] = new JsonArray([.. rows.Select(row => row is int n ? (JsonNode)n : ChainVectors.Describe((Change)row))]),
        });

        object[] With(int row, Action<Change> change)
        {
            var changed = _rows[row - 1].Clone();
            change(changed);
            return [.. all[..(row - 1)], changed, .. all[row..]];
        }

        // Rows: 1 to 3 devices, 4 the revocation of the third, 5 the keyset, 6 the fourth device, 7 an item, 8 a deletion.
        Rows("no rows", Kpm1Error.SeqGap, []);
        Rows("the last row is missing", Kpm1Error.SeqGap, all[..^1]);
        Rows("an item's row is missing", Kpm1Error.SeqGap, [1, 2, 3, 4, 5, 6, 8]);
        Rows("a row twice", Kpm1Error.SeqGap, [1, 2, 2, 3, 4, 5, 6, 7]);
        Rows("two rows swapped", Kpm1Error.SeqGap, [1, 3, 2, 4, 5, 6, 7, 8]);
        Rows("one row more", Kpm1Error.SeqGap, [.. all, Renumbered(_rows[6], 13)]);
        Rows("a row above the checkpoint", Kpm1Error.SeqGap, With(8, row => row.Seq = 13));
        Rows("another device as the first entry", Kpm1Error.RootInvalid, [Renumbered(_rows[1], 1)]);
        Rows("the first device is left out", Kpm1Error.ApprovalInvalid, all[1..]);
        Rows("the revocation is left out for an older item", Kpm1Error.CheckpointMismatch, [1, 2, _log.Entries[3], 3, 5, 6, 7, 8]);
        Rows("an older revision in a row's place", Kpm1Error.CheckpointMismatch, [1, 2, 3, _log.Entries[5], 4, 5, 6, 8]);
        Rows("a subject twice", Kpm1Error.CheckpointMismatch, [1, 2, 3, _log.Entries[5], 4, 6, 7, 8]);
        Rows("seq of a row changed", Kpm1Error.CheckpointMismatch, With(6, row => row.Seq = 9));
        Rows("a revision that no one has put there", Kpm1Error.CheckpointMismatch, With(7, row => Foreign(row, _devices[1])));
        Rows("rev of a row's message changed", Kpm1Error.HeaderMismatch, With(7, row => row.Rev++));
        Rows("envelope of a row changed", Kpm1Error.EnvelopeHashMismatch, With(7, Damaged));
        Rows("envelope of the keyset changed", Kpm1Error.EnvelopeHashMismatch, With(5, Damaged));
        Rows("signature of a row changed", Kpm1Error.SignatureInvalid, With(7, row => row.Signature = ByteString.CopyFrom([.. row.Signature.Span[..^1], (byte)(row.Signature.Span[^1] ^ 1)])));
        Rows("a superseded directory entry", Kpm1Error.EnvelopeHashMismatch, With(1, row => (row.Superseded, row.Envelope) = (true, ByteString.Empty)));
        Rows("a superseded revocation", Kpm1Error.EnvelopeHashMismatch, With(4, row => (row.Superseded, row.Envelope) = (true, ByteString.Empty)));
        Rows("a row of a device that is not in the directory", Kpm1Error.DeviceUnknown, With(7, row => Foreign(row, _devices[4])));
        Rows("a row of a device that comes later", Kpm1Error.DeviceUnknown, With(2, row => Foreign(row, _devices[3])));
        Rows("a row of a device that an earlier row revokes", Kpm1Error.DeviceRevoked, With(7, row => Foreign(row, _devices[2])));
        Rows("a row of another account", Kpm1Error.WrongVault, With(7, row => Foreign(row, _devices[1], header => header with { Account = Id("another account") })));
        Rows("a row of a generation to come", Kpm1Error.GenerationChanged, With(7, row => Foreign(row, _devices[1], header => header with { Generation = 2 })));
    }

    private static void Damaged(Change row) => row.Envelope = ByteString.CopyFrom([.. row.Envelope.Span[..^1], (byte)(row.Envelope.Span[^1] ^ 1)]);

    private static Change Renumbered(Change row, ulong seq)
    {
        var moved = row.Clone();
        moved.Seq = seq;
        return moved;
    }

    /// <summary>Another revision in a row's place, properly signed.</summary>
    private void Foreign(Change row, TestDevice author, Func<OperationHeader, OperationHeader>? change = null)
    {
        var header = OperationHeader.Parse(row.Header.Span);
        var put = _log.Header(author, OperationKind.Put, header.Subject, header.BaseRev);
        var (made, envelope) = _log.Seal(change is null ? put : change(put), new Item { Name = "refused" });
        var foreign = _log.Make(author, made, envelope, row.Seq);
        (row.Kind, row.Header, row.Signature, row.Envelope) = (foreign.Kind, foreign.Header, foreign.Signature, foreign.Envelope);
    }

    private void AddRollbacks()
    {
        void Known(string name, JsonObject leaf) => _file.Refuse(name, Kpm1Error.Rollback, new JsonObject { ["part"] = "snapshot", ["known"] = new JsonArray(leaf) });
        var item = _rows.First(row => row.Kind == OperationKind.Put);
        var later = Leaf(item);
        later["rev"] = HeaderVectors.Number(item.Rev + 1);
        Known("the client knew a later revision", later);
        var other = Leaf(item);
        other["header_hash"] = Hex(Bytes("another header", 32));
        Known("the client knew another header of the same revision", other);
        var gone = Leaf(item);
        gone["subject"] = Id("item 9").ToString("D");
        Known("the client knew a subject that is not there", gone);
    }

    private static JsonObject Leaf(Change row) => new()
    {
        ["subject"] = row.SubjectId,
        ["rev"] = HeaderVectors.Number(row.Rev),
        ["seq"] = HeaderVectors.Number(row.Seq),
        ["header_hash"] = Hex(SHA256.HashData(row.Header.Span)),
    };

    private JsonObject Snapshot(Checkpoint checkpoint, IEnumerable<Change> rows, JsonArray known) => new()
    {
        ["checkpoint"] = Hex(checkpoint.ToBytes()),
        ["signature"] = Hex(_log.Sign(_devices[1], checkpoint.ToBytes())),
        ["as_of"] = HeaderVectors.Number(checkpoint.Seq),
        ["row_count"] = HeaderVectors.Number(checkpoint.Leaves),
        ["rows"] = new JsonArray([.. rows.Select(row => (JsonNode)ChainVectors.Describe(row))]),
        ["known"] = known,
    };

    private static byte[] With(byte[] bytes, int offset, byte[] part) => [.. bytes[..offset], .. part, .. bytes[(offset + part.Length)..]];
}
