using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using static Kpm.Client.Tests.Vectors.VectorInputs;

namespace Kpm.Client.Tests.Vectors;

internal static class AadVectors
{
    public static VectorFile Make()
    {
        var file = new VectorFile("aad", "AAD of an item from the fields of its header, and one AEAD under it: ciphertext = GCM(key, nonce, plaintext, aad). A flip is applied to the AAD of the first positive; the same ciphertext then does not open.");
        var put = HeaderVectors.Put();
        foreach (var (name, header) in new (string, OperationHeader)[]
        {
            ("revision 5", put),
            ("first revision", put with { BaseRev = 0 }),
            ("another vault than account", put with { Vault = Id("another vault") }),
            ("greatest numbers", put with { BaseRev = long.MaxValue - 1, KeyEpoch = uint.MaxValue, Schema = uint.MaxValue }),
        })
        {
            var (key, nonce, plaintext) = (Bytes("aad key", 32), Bytes("aad nonce", 12), Bytes("aad plaintext", 64));
            var aad = ItemEnvelope.Aad(header);
            var described = HeaderVectors.Describe(header);
            var vector = new JsonObject { ["name"] = name };
            foreach (var field in new[] { "kind", "account", "vault", "subject", "key_epoch", "schema", "base_rev", "rev", "device" })
            {
                vector[field] = described[field]!.DeepClone();
            }

            vector["aad"] = Hex(aad);
            vector["key"] = Hex(key);
            vector["nonce"] = Hex(nonce);
            vector["plaintext"] = Hex(plaintext);
            vector["ciphertext"] = Hex(Primitives.Seal(key, nonce, plaintext, aad));
            file.Positive.Add(vector);
        }

        for (var offset = 0; offset < ItemEnvelope.AadSize; offset++)
        {
            file.Refuse($"byte {offset} flipped", Kpm1Error.DecryptionFailed, VectorFile.Flip(offset));
        }

        return file;
    }
}

internal static class ItemVectors
{
    private static readonly byte[] VaultKey = Bytes("item vault key", 32);

    public static VectorFile Make()
    {
        var file = new VectorFile("item", "Items: message -> padded -> envelope, with the header that carries it. vault_keys maps key epochs to VK. Some messages are no items; they try the sizes of padding. A flip is applied to the envelope of the first positive; the header's hash stays.");
        foreach (var (name, message) in Messages())
        {
            Add(file, name, message, HeaderVectors.Put());
        }

        Add(file, "epoch 2, first revision", new Item { Name = "n" }.ToByteArray(), HeaderVectors.Put() with { KeyEpoch = 2, BaseRev = 0 });
        var envelope = Convert.FromHexString((string)file.Positive[0]!["envelope"]!);
        foreach (var offset in Enumerable.Range(0, 50).Concat([50, 51, 100, envelope.Length - 16, envelope.Length - 1]).Distinct())
        {
            var error = offset switch
            {
                < 5 => Kpm1Error.StructureInvalid,
                5 => Kpm1Error.SuiteUnknown,
                _ => Kpm1Error.EnvelopeHashMismatch,
            };
            file.Refuse($"byte {offset} flipped", error, VectorFile.Flip(offset));
        }

        AddSwaps(file, envelope);
        AddTampered(file, envelope);
        AddPlaintexts(file);
        return file;
    }

    private static IEnumerable<(string Name, byte[] Message)> Messages()
    {
        yield return ("website login", new Item
        {
            Name = "Example",
            Favourite = true,
            WebsiteLogin = new WebsiteLogin { Username = "ada", Password = "p\u00e4ssword", Addresses = { new WebAddress { Id = Id("address").ToString("D"), Url = "https://example.com/" } } },
        }.ToByteArray());
        yield return ("empty message", []);
        yield return ("note", new Item { Name = "\U0001F511", Notes = "line\nline", Note = new Note() }.ToByteArray());
        yield return ("card with custom fields", new Item
        {
            Name = "Card",
            FolderId = Id("folder").ToString("D"),
            BankCard = new BankCard { Holder = "A. Lovelace", Number = "4111111111111111", ExpiryMonth = 12, ExpiryYear = 2031, SecurityCode = "123" },
            CustomFields = { new CustomField { Id = Id("custom").ToString("D"), Name = "hotline", Value = "+44", Type = CustomFieldType.Hidden } },
        }.ToByteArray());
        yield return ("unknown fields survive", [.. new Item { Name = "n" }.ToByteArray(), 0xfa, 0x3e, 0x03, 1, 2, 3]);
        foreach (var size in new[] { 252, 253, 508, 509, 1020, 1021, 2044, 2045, 4092, 4093, 8188, 8189 })
        {
            yield return ($"{size} bytes", new Item { Notes = new string('x', size - 3) }.ToByteArray());
        }
    }

    private static void Add(VectorFile file, string name, byte[] message, OperationHeader header)
    {
        var (salt, nonce) = (Bytes("item salt " + name, 32), Bytes("item nonce " + name, 12));
        var aad = ItemEnvelope.Aad(header);
        var made = ItemEnvelope.Seal(message, aad, VaultKey, salt, nonce);
        file.Positive.Add(new JsonObject
        {
            ["name"] = name,
            ["vault_keys"] = Keys(header.KeyEpoch),
            ["message"] = Hex(message),
            ["padded"] = Hex(ItemEnvelope.Pad(message)),
            ["salt"] = Hex(salt),
            ["nonce"] = Hex(nonce),
            ["aad"] = Hex(aad),
            ["item_key"] = Hex(ItemEnvelope.ItemKey(VaultKey, salt, aad)),
            ["commitment"] = Hex(made.Commitment),
            ["envelope"] = Hex(made.Bytes),
            ["header"] = Hex(Sealed(header, made).ToBytes()),
        });
    }

    private static void AddSwaps(VectorFile file, byte[] envelope)
    {
        var commitment = Convert.FromHexString((string)file.Positive[0]!["commitment"]!);
        var header = HeaderVectors.Put() with { EnvelopeHash = SHA256.HashData(envelope), Commitment = commitment };
        foreach (var (name, swapped, error) in new (string, OperationHeader, Kpm1Error)[]
        {
            ("another account", header with { Account = Id("another account") }, Kpm1Error.CommitmentMismatch),
            ("another vault", header with { Vault = Id("another account") }, Kpm1Error.CommitmentMismatch),
            ("another item", header with { Subject = Id("item 2") }, Kpm1Error.CommitmentMismatch),
            ("the next revision", header with { BaseRev = header.BaseRev + 1 }, Kpm1Error.CommitmentMismatch),
            ("the revision before", header with { BaseRev = header.BaseRev - 1 }, Kpm1Error.CommitmentMismatch),
            ("another device", header with { Device = Id("device 2") }, Kpm1Error.CommitmentMismatch),
            ("an epoch without a key", header with { KeyEpoch = 2 }, Kpm1Error.KeyEpochUnknown),
            ("a later schema", header with { Schema = 2 }, Kpm1Error.SchemaUnknown),
            ("another commitment", header with { Commitment = Bytes("another commitment", 32) }, Kpm1Error.CommitmentMismatch),
            ("no commitment", header with { Commitment = new byte[32] }, Kpm1Error.CommitmentMismatch),
            ("another hash", header with { EnvelopeHash = new byte[32] }, Kpm1Error.EnvelopeHashMismatch),
        })
        {
            Refuse(file, name, error, swapped, envelope);
        }

        file.Refuse("another vault key", Kpm1Error.CommitmentMismatch, new JsonObject
        {
            ["vault_keys"] = new JsonObject { ["1"] = Hex(Bytes("another vault key", 32)) },
            ["header"] = Hex(header.ToBytes()),
            ["envelope"] = Hex(envelope),
        });
    }

    /// <summary>Bytes that were changed by someone who could also change the header's hash.</summary>
    private static void AddTampered(VectorFile file, byte[] envelope)
    {
        var commitment = Convert.FromHexString((string)file.Positive[0]!["commitment"]!);
        void Refuse(string name, Kpm1Error error, byte[] bytes) =>
            ItemVectors.Refuse(file, name, error, HeaderVectors.Put() with { EnvelopeHash = SHA256.HashData(bytes), Commitment = commitment }, bytes);
        byte[] With(int offset)
        {
            byte[] copy = [.. envelope];
            copy[offset] ^= 1;
            return copy;
        }

        Refuse("salt changed, hash corrected", Kpm1Error.CommitmentMismatch, With(6));
        Refuse("nonce changed, hash corrected", Kpm1Error.DecryptionFailed, With(38));
        Refuse("ciphertext changed, hash corrected", Kpm1Error.DecryptionFailed, With(50));
        Refuse("tag changed, hash corrected", Kpm1Error.DecryptionFailed, With(envelope.Length - 1));
        Refuse("structure of a keyset, hash corrected", Kpm1Error.StructureInvalid, With(4));
        Refuse("another suite, hash corrected", Kpm1Error.SuiteUnknown, With(5));
        Refuse("truncated tag, hash corrected", Kpm1Error.StructureInvalid, envelope[..^1]);
        Refuse("no tag, hash corrected", Kpm1Error.StructureInvalid, envelope[..^16]);
        Refuse("one byte longer, hash corrected", Kpm1Error.DecryptionFailed, [.. envelope, 0]);
        Refuse("prefix alone", Kpm1Error.StructureInvalid, envelope[..50]);
        Refuse("empty", Kpm1Error.StructureInvalid, []);
    }

    /// <summary>Plaintexts that only a broken client would have sealed.</summary>
    private static void AddPlaintexts(VectorFile file)
    {
        byte[] message = new Item { Name = "n" }.ToByteArray();
        var good = ItemEnvelope.Pad(message);
        byte[] With(int offset, byte value)
        {
            byte[] copy = [.. good];
            copy[offset] = value;
            return copy;
        }

        foreach (var (name, padded, error) in new (string, byte[], Kpm1Error)[]
        {
            ("last byte of padding not zero", With(255, 1), Kpm1Error.PaddingInvalid),
            ("first byte of padding not zero", With(4 + message.Length, 0x80), Kpm1Error.PaddingInvalid),
            ("length beyond the padded size", With(2, 1), Kpm1Error.PaddingInvalid),
            ("greatest length", [255, 255, 255, 255, .. good[4..]], Kpm1Error.PaddingInvalid),
            ("length one too short", With(3, (byte)(message.Length - 1)), Kpm1Error.PaddingInvalid),
            ("a class too large", [.. good, .. new byte[256]], Kpm1Error.PaddingInvalid),
            ("a size that is no class", [.. good, 0], Kpm1Error.PaddingInvalid),
            ("a size that is no class, 3 x 256", [.. good, .. new byte[512]], Kpm1Error.PaddingInvalid),
            ("a size that is no class, 5,000", [.. good, .. new byte[5000 - 256]], Kpm1Error.PaddingInvalid),
            ("no protobuf", ItemEnvelope.Pad([0x0a, 0x7f]), Kpm1Error.ItemInvalid),
            ("a group that never ends", ItemEnvelope.Pad([0xfb, 0x3e]), Kpm1Error.ItemInvalid),
            ("field number 0", ItemEnvelope.Pad([0x00, 0x01]), Kpm1Error.ItemInvalid),
            ("a varint of 11 bytes", ItemEnvelope.Pad([0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]), Kpm1Error.ItemInvalid),
        })
        {
            var header = HeaderVectors.Put();
            var (salt, nonce) = (Bytes("item salt " + name, 32), Bytes("item nonce " + name, 12));
            var aad = ItemEnvelope.Aad(header);
            var key = ItemEnvelope.ItemKey(VaultKey, salt, aad);
            byte[] envelope = [.. "KPM1"u8, 2, 1, .. salt, .. nonce, .. Primitives.Seal(key, nonce, padded, aad)];
            Refuse(file, name, error, Sealed(header, new SealedItem(envelope, ItemEnvelope.Commit(key))), envelope);
        }
    }

    private static OperationHeader Sealed(OperationHeader header, SealedItem item) =>
        header with { EnvelopeHash = SHA256.HashData(item.Bytes), Commitment = item.Commitment };

    private static void Refuse(VectorFile file, string name, Kpm1Error error, OperationHeader header, byte[] envelope) =>
        file.Refuse(name, error, new JsonObject { ["vault_keys"] = Keys(1), ["header"] = Hex(header.ToBytes()), ["envelope"] = Hex(envelope) });

    private static JsonObject Keys(uint epoch) => new() { [epoch.ToString(System.Globalization.CultureInfo.InvariantCulture)] = Hex(VaultKey) };
}
