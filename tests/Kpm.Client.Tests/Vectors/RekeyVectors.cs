using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.V1;
using static Kpm.Client.Tests.Vectors.VectorInputs;

namespace Kpm.Client.Tests.Vectors;

/// <summary>The bytes of a revocation, without its place in a log.</summary>
internal static class RevocationVectors
{
    public static VectorFile Make()
    {
        var file = new VectorFile("revocation", "Device revocations under the directory key of key_epoch. Expected are layout and MAC alone, not the place in the log (rekey.json). A flip is applied to the revocation of the first positive.");
        using var keys = VaultKeys.Create(Bytes("directory account key", 32), Bytes("directory vault key", 32));
        using var other = VaultKeys.Create(Bytes("another account key", 32), Bytes("directory vault key", 32));
        var revocation = new DeviceRevocation { Account = Id("account"), Vault = Id("account"), Device = Id("device 3") };
        var bytes = revocation.ToBytes(keys, 1);
        foreach (var (name, made) in new[] { ("of a device", revocation), ("of another device", revocation with { Device = Id("device 2") }) })
        {
            var vector = new JsonObject { ["name"] = name, ["account"] = made.Account.ToString("D"), ["vault"] = made.Vault.ToString("D"), ["device"] = made.Device.ToString("D") };
            foreach (var (key, value) in Describe(made.ToBytes(keys, 1), keys))
            {
                vector[key] = value?.DeepClone();
            }

            file.Positive.Add(vector);
        }

        for (var offset = 0; offset < DeviceRevocation.Size; offset++)
        {
            var error = offset switch
            {
                5 => Kpm1Error.SuiteUnknown,
                < 8 => Kpm1Error.StructureInvalid,
                _ => Kpm1Error.DirectoryMacInvalid,
            };
            file.Refuse($"byte {offset} flipped", error, VectorFile.Flip(offset));
        }

        void Refuse(string name, Kpm1Error error, byte[] made, uint epoch = 1) => file.Refuse(name, error, Describe(made, keys, epoch));
        Refuse("empty", Kpm1Error.StructureInvalid, []);
        Refuse("one byte short", Kpm1Error.StructureInvalid, bytes[..^1]);
        Refuse("one byte long", Kpm1Error.StructureInvalid, [.. bytes, 0]);
        Refuse("MAC of someone without AK", Kpm1Error.DirectoryMacInvalid, revocation.ToBytes(other, 1));
        Refuse("MAC of another device's revocation", Kpm1Error.DirectoryMacInvalid, [.. bytes[..40], .. Id("device 2").ToByteArray(bigEndian: true), .. bytes[56..]]);
        Refuse("in a header of an epoch without a key", Kpm1Error.KeyEpochUnknown, bytes, 9);
        return file;
    }

    private static JsonObject Describe(byte[] revocation, VaultKeys keys, uint epoch = 1) =>
        new() { ["key_epoch"] = epoch, ["directory_key"] = Hex(keys.Account.DirectoryKey), ["revocation"] = Hex(revocation) };
}

/// <summary>A log in which a device is revoked and the vault gets new keys, and last entries that a verifier must refuse.</summary>
internal sealed class RekeyVectors : IDisposable
{
    private readonly VectorFile _file = new("rekey", "A log like that of chain.json, in which device 1 revokes device 3 (entry 7) and begins key epoch 2 (entry 8) in one atomic Push. account_keys, vault_keys and directory_keys are by epoch; the client has the keys of both, and AK of the later one. A negative's log is a list of entries, where a number n stands for entry n of the first positive: all but the last are accepted, the last is refused.");
    private readonly TestLog _log;
    private readonly VaultKeys _firstKeys;
    private readonly TestDevice _first = new("device 1");
    private readonly TestDevice _second = new("device 2");
    private readonly TestDevice _third = new("device 3");
    private readonly TestDevice _fourth = new("device 4");
    private readonly TestDevice _stranger = new("device 5");
    private readonly Guid _item = Id("item 1");
    private readonly Guid _other = Id("item 2");

    private RekeyVectors(StickySigner signer)
    {
        _log = new TestLog(signer, "rekey");
        _firstKeys = _log.Keys;
    }

    public static VectorFile Make(StickySigner signer)
    {
        using var vectors = new RekeyVectors(signer);
        vectors.AddLog();
        vectors.AddRevoked();
        vectors.AddRevocations();
        vectors.AddEpochs();
        return vectors._file;
    }

    /// <summary>The log as far as it is honest; the caller disposes it.</summary>
    public static (TestLog Log, TestDevice[] Devices) HonestLog(StickySigner signer)
    {
        var vectors = new RekeyVectors(signer);
        vectors.Write();
        return (vectors._log, [vectors._first, vectors._second, vectors._third, vectors._fourth, vectors._stranger]);
    }

    public void Dispose()
    {
        _firstKeys.Dispose();
        _log.Dispose();
        foreach (var device in new[] { _first, _second, _third, _fourth, _stranger })
        {
            device.Dispose();
        }
    }

    private void Write()
    {
        _log.Enrol(_first, _log.Entry(_first, Enrolment.Root));
        _log.PutKeyset(_first, _log.FirstKeyset());
        _log.Enrol(_second, _log.Entry(_second, Enrolment.Keyed));
        _log.Put(_second, _item, 0, new Item { Name = "one" });
        _log.Enrol(_third, _log.Approved(_third, _first));
        _log.Put(_third, _other, 0, new Item { Name = "two, by a device that is revoked later" });
        _log.Revoke(_first, _third);
        _log.Rekey(_first, _first, _second);
        _log.Put(_second, _item, 1, new Item { Name = "one, under the new key" });
        _log.Enrol(_fourth, _log.Approved(_fourth, _second));
        _log.Put(_fourth, _other, 1, new Item { Name = "two, written again" });
        _log.Delete(_first, _item, 2);
    }

    private void AddLog()
    {
        Write();
        var entries = new JsonArray();
        foreach (var change in _log.Entries)
        {
            var entry = ChainVectors.Describe(change);
            entry["chain_hash"] = Hex(_log.ChainHashAt(change.Seq));
            entry["more_in_batch"] = change.MoreInBatch;
            if (change.Kind == OperationKind.Put)
            {
                entry["message"] = Hex(ItemEnvelope.Open(change.Envelope.Span, OperationHeader.Parse(change.Header.Span), _log.Keys).ToByteArray());
            }

            entries.Add(entry);
        }

        _file.Positive.Add(new JsonObject
        {
            ["name"] = "a revocation and a new epoch",
            ["account"] = _log.Account.ToString("D"),
            ["generation"] = "1",
            ["account_keys"] = new JsonObject { ["1"] = Hex(_firstKeys.Account.Key), ["2"] = Hex(_log.Keys.Account.Key) },
            ["vault_keys"] = new JsonObject { ["1"] = Hex(_log.Keys.Of(1).VaultKey), ["2"] = Hex(_log.Keys.Of(2).VaultKey) },
            ["directory_keys"] = new JsonObject { ["1"] = Hex(_log.Keys.Of(1).DirectoryKey), ["2"] = Hex(_log.Keys.Of(2).DirectoryKey) },
            ["device"] = new JsonObject { ["id"] = _second.Id.ToString("D"), ["agreement_private"] = Hex(PrivateScalar(_second.Agreement)) },
            ["entries"] = entries,
        });
    }

    private void AddRevoked()
    {
        Refuse("an item of the revoked device", Kpm1Error.DeviceRevoked, Put(_third, _other, 2));
        Refuse("a deletion by the revoked device", Kpm1Error.DeviceRevoked, _log.Make(_third, _log.Header(_third, OperationKind.Delete, _other, 2), []));
        Refuse("an item of the revoked device right after the revocation", Kpm1Error.DeviceRevoked, _log.Make(_third, Early(_third, OperationKind.Delete, _other, 1), [], 8), 7);
        Refuse("a revocation by the revoked device", Kpm1Error.DeviceRevoked, Revocation(_third, _log.Revocation(_second)));
        var keyset = _log.Entries[7].Envelope.ToByteArray();
        Refuse("a keyset of the revoked device", Kpm1Error.DeviceRevoked, _log.Make(_third, _log.Header(_third, OperationKind.Keyset, _log.Account, 2) with { EnvelopeHash = SHA256.HashData(keyset) }, keyset));
        Refuse("the revoked device enters again", Kpm1Error.DeviceDuplicate, Enrol(_third, _log.Entry(_third, Enrolment.Keyed)));
        Refuse("approved by the revoked device", Kpm1Error.ApprovalInvalid, Enrol(_stranger, _log.Approved(_stranger, _third)));
    }

    private void AddRevocations()
    {
        Refuse("revocation of a device that is not in the directory", Kpm1Error.RevocationInvalid, Revocation(_first, _log.Revocation(_stranger)));
        Refuse("revocation of its author", Kpm1Error.RevocationInvalid, Revocation(_first, _log.Revocation(_first)));
        Refuse("revocation of a device that is revoked", Kpm1Error.RevocationInvalid, Revocation(_first, _log.Revocation(_third)));
        Refuse("revocation in another account", Kpm1Error.HeaderMismatch, Revocation(_first, _log.Revocation(_second) with { Account = Id("another account") }));
        Refuse("revocation in another vault", Kpm1Error.HeaderMismatch, Revocation(_first, _log.Revocation(_second) with { Vault = Id("another account") }));
        using var server = VaultKeys.Create(Bytes("the server's account key", 32), Bytes("the server's vault key", 32));
        using var serverNext = server.Next(Bytes("the server's second account key", 32), Bytes("the server's second vault key", 32));
        Refuse("revocation of the server's making", Kpm1Error.DirectoryMacInvalid, Revocation(_first, _log.Revocation(_second), serverNext));
        Refuse("revocation under the directory key of the epoch before", Kpm1Error.DirectoryMacInvalid, Revocation(_first, _log.Revocation(_second), macEpoch: 1));
        Refuse("revocation that another device signed", Kpm1Error.SignatureInvalid, Revocation(_first, _log.Revocation(_fourth), signer: _second));
        Refuse("revocation on an item's id", Kpm1Error.RevMismatch, Revocation(_first, _log.Revocation(_second), subject: _other));
        Refuse("revocation on an id that a revocation has", Kpm1Error.RevMismatch, Revocation(_first, _log.Revocation(_second), subject: Guid.Parse(_log.Entries[6].SubjectId)));
        var superseded = Revocation(_first, _log.Revocation(_second));
        superseded.Envelope = ByteString.Empty;
        superseded.Superseded = true;
        Refuse("superseded revocation", Kpm1Error.EnvelopeHashMismatch, superseded);
        var cut = Revocation(_first, _log.Revocation(_second), cut: true);
        Refuse("revocation one byte short", Kpm1Error.StructureInvalid, cut);
        Refuse("an item on a revocation's id", Kpm1Error.RevMismatch, Put(_first, Guid.Parse(_log.Entries[6].SubjectId), 1));
    }

    private void AddEpochs()
    {
        Refuse("an item of the epoch before", Kpm1Error.EpochMismatch, Put(_first, _other, 2, 1));
        Refuse("a device of the epoch before", Kpm1Error.EpochMismatch, Enrol(_stranger, _log.Entry(_stranger, Enrolment.Keyed) with { KeyEpoch = 1 }));
        Refuse("an item of the new epoch before its keyset", Kpm1Error.EpochMismatch, Early(_second, _item, 2), 7);
        var (keys, keyset) = _log.NextKeyset();
        using (keys)
        {
            var envelope = _log.Entries[7].Envelope.ToByteArray();
            Change Keyset(Func<OperationHeader, OperationHeader> change, byte[]? bytes = null)
            {
                var header = Early(_first, OperationKind.Keyset, _log.Account, 1) with { OpSeq = 4, KeyEpoch = 2, EnvelopeHash = SHA256.HashData(bytes ?? envelope) };
                return _log.Make(_first, change(header), bytes ?? envelope, 8);
            }

            Refuse("a keyset two epochs on", Kpm1Error.EpochMismatch, Keyset(header => header with { KeyEpoch = 3 }), 7);
            Refuse("a new epoch in the header alone", Kpm1Error.KeysetMismatch, Keyset(header => header, _log.FirstKeyset()), 7);
            Refuse("a new epoch in the keyset alone", Kpm1Error.KeysetMismatch, Keyset(header => header with { KeyEpoch = 1 }), 7);
            using var server = VaultKeys.Create(Bytes("the server's account key", 32), Bytes("the server's vault key", 32));
            var forged = KeysetEnvelope.Parse(envelope).ToBytes(server.Account);
            Refuse("a keyset of the new epoch that the server has MACed", Kpm1Error.KeysetMacInvalid, Keyset(header => header, forged), 7);
        }
    }

    private Change Put(TestDevice author, Guid item, ulong baseRev, uint epoch = 2)
    {
        var (header, envelope) = _log.Seal(_log.Header(author, OperationKind.Put, item, baseRev) with { KeyEpoch = epoch }, new Item { Name = "refused" });
        return _log.Make(author, header, envelope);
    }

    /// <summary>A header for the place after entry 7, by what its author had seen then.</summary>
    private OperationHeader Early(TestDevice author, OperationKind kind, Guid subject, ulong baseRev) =>
        _log.Header(author, kind, subject, baseRev) with { KeyEpoch = 1, ObservedSeq = 7, ObservedHash = _log.ChainHashAt(7) };

    private Change Early(TestDevice author, Guid item, uint epoch)
    {
        var header = Early(author, OperationKind.Put, item, 1) with { KeyEpoch = epoch };
        var (made, envelope) = _log.Seal(header, new Item { Name = "refused" });
        return _log.Make(author, made, envelope, 8);
    }

    private Change Enrol(TestDevice device, DirectoryEntry entry)
    {
        var envelope = entry.ToBytes(_log.Keys);
        var header = _log.Header(device, OperationKind.DeviceKey, device.Id, 0) with { KeyEpoch = entry.KeyEpoch, EnvelopeHash = SHA256.HashData(envelope) };
        return _log.Make(device, header, envelope);
    }

    private Change Revocation(TestDevice author, DeviceRevocation revocation, VaultKeys? keys = null, uint macEpoch = 2, TestDevice? signer = null, Guid? subject = null, bool cut = false)
    {
        var made = revocation.ToBytes(keys ?? _log.Keys, macEpoch);
        var envelope = cut ? made[..^1] : made;
        var existing = subject is { } id && _log.Entries.Exists(change => change.SubjectId == id.ToString("D"));
        var header = _log.Header(author, OperationKind.DeviceRevocation, subject ?? Id("revocation 2"), 0) with { EnvelopeHash = SHA256.HashData(envelope) };
        Assert.Equal(existing, subject is not null);
        return _log.Make(signer ?? author, header, envelope);
    }

    private void Refuse(string name, Kpm1Error error, Change last, int after = 12) => _file.Refuse(name, error, new JsonObject
    {
        ["log"] = new JsonArray([.. Enumerable.Range(1, after).Select(n => (JsonNode)n), ChainVectors.Describe(last)]),
    });
}
