using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.V1;
using static Kpm.Client.Tests.Vectors.VectorInputs;

namespace Kpm.Client.Tests.Vectors;

internal static class HeaderVectors
{
    public static OperationHeader Put() => new()
    {
        Kind = OperationKind.Put,
        Account = Id("account"),
        Vault = Id("account"),
        Generation = 1,
        Device = Id("device 1"),
        OpSeq = 3,
        OpId = Id("operation 3"),
        Subject = Id("item 1"),
        BaseRev = 4,
        KeyEpoch = 1,
        Schema = 1,
        EnvelopeHash = SHA256.HashData(Bytes("envelope", 322)),
        Commitment = Bytes("commitment", 32),
        ObservedSeq = 9,
        ObservedHash = Bytes("observed", 32),
    };

    public static JsonObject Describe(OperationHeader header) => new()
    {
        ["kind"] = (int)header.Kind,
        ["account"] = header.Account.ToString("D"),
        ["vault"] = header.Vault.ToString("D"),
        ["generation"] = Number(header.Generation),
        ["device"] = header.Device.ToString("D"),
        ["op_seq"] = Number(header.OpSeq),
        ["op_id"] = header.OpId.ToString("D"),
        ["subject"] = header.Subject.ToString("D"),
        ["base_rev"] = Number(header.BaseRev),
        ["rev"] = Number(header.Rev),
        ["key_epoch"] = header.KeyEpoch,
        ["schema"] = header.Schema,
        ["envelope_hash"] = Hex(header.EnvelopeHash.Span),
        ["commitment"] = Hex(header.Commitment.Span),
        ["observed_seq"] = Number(header.ObservedSeq),
        ["observed_hash"] = Hex(header.ObservedHash.Span),
        ["attachments"] = new JsonArray([.. header.Attachments.Select(id => (JsonNode)id.ToString("D"))]),
    };

    public static string Number(ulong value) => value.ToString(CultureInfo.InvariantCulture);

    public static VectorFile Make(StickySigner signer)
    {
        var file = new VectorFile("header", "Operation headers: fields, header (bytes), header_hash, and the author's signature under signing_key. A flip is applied to the header of the first positive; signature and key stay, and where the flipped header is still well-formed its signature fails.");
        using var key = SigningKey("device 1");
        var put = Put();
        var plain = new { Zero = (ReadOnlyMemory<byte>)new byte[32], Empty = (ReadOnlyMemory<byte>)SHA256.HashData([]) };
        var delete = put with { Kind = OperationKind.Delete, Schema = 0, Commitment = plain.Zero, EnvelopeHash = plain.Empty, OpSeq = 4, OpId = Id("operation 4"), BaseRev = 5 };
        var device = delete with { Kind = OperationKind.DeviceKey, Subject = put.Device, BaseRev = 0, OpSeq = 1, OpId = Id("operation 1"), EnvelopeHash = put.EnvelopeHash, ObservedSeq = 0, ObservedHash = plain.Zero };
        var keyset = device with { Kind = OperationKind.Keyset, Subject = put.Vault, OpSeq = 2, OpId = Id("operation 2") };
        var revocation = device with { Kind = OperationKind.DeviceRevocation, Subject = Id("revocation 1"), OpSeq = 5, OpId = Id("operation 5"), ObservedSeq = put.ObservedSeq, ObservedHash = put.ObservedHash };
        var attachments = new[] { "a", "b", "c" }.Select(Id).Order(new BigEndianOrder()).ToArray();
        foreach (var (name, header) in new (string, OperationHeader)[]
        {
            ("put", put),
            ("put with three attachments", put with { Attachments = attachments }),
            ("put with 64 attachments", put with { Attachments = [.. Enumerable.Range(0, 64).Select(i => Id("attachment " + i)).Order(new BigEndianOrder())] }),
            ("first revision, nothing observed", put with { BaseRev = 0, ObservedSeq = 0, ObservedHash = plain.Zero }),
            ("greatest numbers", put with { Generation = long.MaxValue, OpSeq = long.MaxValue, BaseRev = long.MaxValue - 1, KeyEpoch = uint.MaxValue, ObservedSeq = long.MaxValue }),
            ("a later schema is well-formed", put with { Schema = 2 }),
            ("delete", delete),
            ("device key", device),
            ("keyset", keyset),
            ("device revocation", revocation),
        })
        {
            var bytes = header.ToBytes();
            var vector = new JsonObject { ["name"] = name };
            foreach (var (field, value) in Describe(header))
            {
                vector[field] = value?.DeepClone();
            }

            vector["header"] = Hex(bytes);
            vector["header_hash"] = Hex(SHA256.HashData(bytes));
            vector["signing_key"] = Hex(P256.PublicKey(key));
            vector["signature"] = Hex(signer.Sign(key, bytes));
            file.Positive.Add(vector);
        }

        for (var offset = 0; offset < OperationHeader.MinSize; offset++)
        {
            file.Refuse($"byte {offset} flipped", ErrorOfFlip(offset), VectorFile.Flip(offset));
        }

        AddMalformed(file, put.ToBytes(), delete.ToBytes(), device.ToBytes(), keyset.ToBytes(), revocation.ToBytes(), (put with { Attachments = attachments }).ToBytes());
        return file;
    }

    /// <summary>What the layout says of the first positive with the lowest bit of one byte flipped.</summary>
    private static Kpm1Error ErrorOfFlip(int offset) => offset switch
    {
        < 5 => Kpm1Error.StructureInvalid,                 // magic, structure
        5 => Kpm1Error.SuiteUnknown,
        6 or 7 => Kpm1Error.StructureInvalid,              // kind 1 becomes 0; flags
        47 or 123 => Kpm1Error.StructureInvalid,           // generation 1, key epoch 1 become 0
        >= 104 and < 120 => Kpm1Error.StructureInvalid,    // rev is no longer base_rev + 1
        127 => Kpm1Error.StructureInvalid,                 // schema 1 becomes 0
        >= 232 => Kpm1Error.StructureInvalid,              // the count no longer fits the length
        _ => Kpm1Error.SignatureInvalid,
    };

    private static void AddMalformed(VectorFile file, byte[] put, byte[] delete, byte[] device, byte[] keyset, byte[] revocation, byte[] attached)
    {
        void Refuse(string name, byte[] bytes, Kpm1Error error = Kpm1Error.StructureInvalid) =>
            file.Refuse(name, error, new JsonObject { ["header"] = Hex(bytes) });

        Refuse("empty", []);
        Refuse("magic alone", put[..4]);
        Refuse("one byte short", put[..^1]);
        Refuse("one byte long", [.. put, 0]);
        Refuse("suite 0", With(put, 5, 0), Kpm1Error.SuiteUnknown);
        Refuse("suite 255", With(put, 5, 255), Kpm1Error.SuiteUnknown);
        Refuse("an unknown suite is named before a wrong length", With(put, 5, 2)[..100], Kpm1Error.SuiteUnknown);
        Refuse("kind 6", With(put, 6, 6));
        Refuse("kind 255", With(put, 6, 255));
        Refuse("flags", With(put, 7, 128));
        Refuse("generation above 2^63 - 1", With(put, 40, 128));
        Refuse("op_seq 0", With(put, 71, 0));
        Refuse("op_seq above 2^63 - 1", With(put, 64, 128));
        Refuse("rev equal to base_rev", With(put, 119, put[111]));
        Refuse("base_rev above 2^63 - 1", With(With(put, 104, 128), 112, 128));
        Refuse("key epoch 0", With(put, 123, 0));
        Refuse("observed seq above 2^63 - 1", With(put, 192, 128));
        Refuse("observed hash without a seq", With(put, 199, 0));
        Refuse("delete with a schema", With(delete, 127, 1));
        Refuse("delete with a commitment", With(delete, 160, 1));
        Refuse("delete of revision 0", With(With(delete, 111, 0), 119, 1));
        Refuse("delete with an envelope", With(delete, 128, (byte)(delete[128] ^ 1)));
        Refuse("delete with an attachment", [.. With(delete, 233, 1), .. new byte[16]]);
        Refuse("device key of another device", With(device, 88, (byte)(device[88] ^ 1)));
        Refuse("device key on a revision", With(With(device, 111, 1), 119, 2));
        Refuse("device key with a schema", With(device, 127, 1));
        Refuse("device key with a commitment", With(device, 191, 1));
        Refuse("keyset of another vault", With(keyset, 88, (byte)(keyset[88] ^ 1)));
        Refuse("keyset with a schema", With(keyset, 127, 1));
        Refuse("keyset with a commitment", With(keyset, 160, 1));
        Refuse("revocation on a revision", With(With(revocation, 111, 1), 119, 2));
        Refuse("revocation with a schema", With(revocation, 127, 1));
        Refuse("revocation with a commitment", With(revocation, 160, 1));
        Refuse("revocation with an attachment", [.. With(revocation, 233, 1), .. new byte[16]]);
        Refuse("fewer attachments than counted", attached[..^16]);
        Refuse("more attachments than counted", [.. attached, .. new byte[16]]);
        Refuse("attachments in falling order", [.. attached[..234], .. attached[250..266], .. attached[234..250], .. attached[266..]]);
        Refuse("an attachment twice", [.. attached[..250], .. attached[234..250], .. attached[266..]]);
        byte[] many = [.. With(With(put, 232, 0), 233, 65), .. new byte[65 * 16]];
        for (var i = 0; i < 65; i++)
        {
            many[234 + (16 * i) + 15] = (byte)i;
        }

        Refuse("65 attachments", many);
    }

    private static byte[] With(byte[] bytes, int offset, byte value)
    {
        byte[] copy = [.. bytes];
        copy[offset] = value;
        return copy;
    }

    /// <summary>The order of the 16 bytes, which is not Guid's own.</summary>
    internal sealed class BigEndianOrder : IComparer<Guid>
    {
        public int Compare(Guid x, Guid y) => x.ToByteArray(bigEndian: true).AsSpan().SequenceCompareTo(y.ToByteArray(bigEndian: true));
    }
}

internal static class SignatureVectors
{
    public static VectorFile Make(StickySigner signer)
    {
        var file = new VectorFile("signature", "ECDSA P-256 with SHA-256 over data, 64 bytes r||s. The proofs give the data that session.proto describes at DeviceProof. A flip is applied to the signature of the first positive.");
        using var key = SigningKey("device 1");
        using var other = SigningKey("device 2");
        foreach (var (name, data) in new[] { ("empty", Array.Empty<byte>()), ("a header", HeaderVectors.Put().ToBytes()), ("long", Bytes("long", 5000)) }.Reverse())
        {
            file.Positive.Add(Vector(name, key, data, signer));
        }

        foreach (var (name, method, token, milliseconds) in new[]
        {
            ("proof for Sync", DeviceProofs.Sync, "an-access-token", 1_760_000_000_123L),
            ("proof for RefreshSession", DeviceProofs.RefreshSession, "a-refresh-token", 1_760_000_060_000L),
        })
        {
            var nonce = Bytes("nonce " + name, 16);
            var vector = Vector(name, key, DeviceProofs.ToSign(method, token, milliseconds, nonce), signer);
            vector["method"] = method;
            vector["token"] = token;
            vector["time_ms"] = milliseconds.ToString(CultureInfo.InvariantCulture);
            vector["nonce"] = Hex(nonce);
            file.Positive.Add(vector);
        }

        var first = file.Positive[0]!.AsObject();
        var signed = Convert.FromHexString((string)first["data"]!);
        var signature = Convert.FromHexString((string)first["signature"]!);
        void Refuse(string name, byte[] bytes, byte[]? data = null, ECDsa? by = null) => file.Refuse(name, Kpm1Error.SignatureInvalid, new JsonObject
        {
            ["signing_key"] = Hex(P256.PublicKey(by ?? key)),
            ["data"] = Hex(data ?? signed),
            ["signature"] = Hex(bytes),
        });

        for (var offset = 0; offset < signature.Length; offset++)
        {
            file.Refuse($"byte {offset} flipped", Kpm1Error.SignatureInvalid, VectorFile.Flip(offset));
        }

        var order = Convert.FromHexString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        Refuse("DER", Der(signature));
        Refuse("empty", []);
        Refuse("63 bytes", signature[..^1]);
        Refuse("65 bytes", [.. signature, 0]);
        Refuse("zeros", new byte[64]);
        Refuse("r = 0", [.. new byte[32], .. signature[32..]]);
        Refuse("s = 0", [.. signature[..32], .. new byte[32]]);
        Refuse("r = order", [.. order, .. signature[32..]]);
        Refuse("s = order", [.. signature[..32], .. order]);
        Refuse("all ones", [.. Enumerable.Repeat((byte)255, 64)]);
        Refuse("s before r", [.. signature[32..], .. signature[..32]]);
        Refuse("another key", signature, by: other);
        Refuse("data one byte longer", signature, [.. signed, 0]);
        Refuse("data one byte shorter", signature, signed[..^1]);
        Refuse("the hash signed instead of the data", signature, SHA256.HashData(signed));
        return file;
    }

    private static JsonObject Vector(string name, ECDsa key, byte[] data, StickySigner signer) => new()
    {
        ["name"] = name,
        ["signing_key"] = Hex(P256.PublicKey(key)),
        ["data"] = Hex(data),
        ["signature"] = Hex(signer.Sign(key, data)),
    };

    private static byte[] Der(byte[] signature)
    {
        var writer = new System.Formats.Asn1.AsnWriter(System.Formats.Asn1.AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteIntegerUnsigned(signature.AsSpan(0, 32).TrimStart((byte)0));
            writer.WriteIntegerUnsigned(signature.AsSpan(32).TrimStart((byte)0));
        }

        return writer.Encode();
    }
}
