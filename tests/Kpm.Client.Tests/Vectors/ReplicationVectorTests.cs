using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.V1;
using static Kpm.Client.Tests.Vectors.VectorTests;

namespace Kpm.Client.Tests.Vectors;

/// <summary>Revocations, new epochs, checkpoints, snapshots and attachments against the committed files.</summary>
public sealed class ReplicationVectorTests
{
    [Fact]
    public void Revocations() => Check("revocation", (vector, positive) =>
    {
        var revocation = DeviceRevocation.Parse(Bytes(vector, "revocation"));
        using var keys = new VaultKeys(new AccountKey(new byte[32]), 1, [new(1, new EpochKeys(new byte[32], Bytes(vector, "directory_key")))]);
        revocation.RequireMac(keys, (uint)vector["key_epoch"]!);
        if (positive)
        {
            Assert.Equal((Id(vector, "account"), Id(vector, "vault"), Id(vector, "device")), (revocation.Account, revocation.Vault, revocation.Device));
            Same(vector, "revocation", revocation.ToBytes(keys, 1));
        }
    });

    [Fact]
    public void Rekeying()
    {
        var file = Load("rekey");
        var log = file.Positive[0];
        var honest = log["entries"]!.AsArray().Select(entry => entry!.AsObject()).ToList();
        using var keys = KeysOf(log);
        using var verifier = new LogVerifier(keys);
        var view = new MemoryLogView(Id(log, "account"));
        foreach (var entry in honest)
        {
            var verified = verifier.Verify(ChangeOf(entry), view);
            Same(entry, "chain_hash", verified.ChainHash);
            if (entry["message"] is not null)
            {
                Same(entry, "message", ItemEnvelope.Open(verified.Change.Envelope.Span, verified.Header, keys).ToByteArray());
            }

            view.Add(verified);
        }

        Assert.NotEmpty(file.Negative);
        foreach (var vector in file.Negative)
        {
            view = new MemoryLogView(Id(log, "account"));
            var entries = vector["log"]!.AsArray().Select(entry => entry is JsonObject made ? made : honest[(int)entry! - 1]).ToList();
            foreach (var entry in entries[..^1])
            {
                view.Add(verifier.Verify(ChangeOf(entry), view));
            }

            AssertRefused(vector, () => verifier.Verify(ChangeOf(entries[^1]), view));
        }
    }

    [Fact]
    public void A_device_of_the_log_takes_over_the_new_keys_by_itself()
    {
        var log = Load("rekey").Positive[0];
        var device = log["device"]!.AsObject();
        var keyset = KeysetEnvelope.Parse(Bytes(log["entries"]![7]!.AsObject(), "envelope"));
        using var agreement = AgreementKey(Bytes(device, "agreement_private"));
        using var keys = VaultKeys.Create(Part(log, "account_keys", "1"), Part(log, "vault_keys", "1"));
        keys.Adopt(keyset.OpenWithDevice(Id(device, "id"), agreement));
        Assert.Equal(2u, keys.Epoch);
        Assert.Equal(Part(log, "account_keys", "2"), keys.Account.Key);
        Assert.Equal([.. Part(log, "vault_keys", "1"), .. Part(log, "vault_keys", "2")], (byte[])[.. keys.Of(1).VaultKey, .. keys.Of(2).VaultKey]);

        // A keyset that anyone could wrap to the device's public key is not the vault's.
        using var foreign = VaultKeys.Create(Part(log, "account_keys", "1"), new byte[32]);
        Assert.Equal(Kpm1Error.WrapInvalid, Assert.Throws<Kpm1Exception>(() => foreign.Adopt(keyset.OpenWithDevice(Id(device, "id"), agreement))).Error);
        Assert.Equal(1u, foreign.Epoch);
    }

    [Fact]
    public void Checkpoints()
    {
        var file = Load("checkpoint");
        foreach (var (vector, positive) in file.Positive.Select(vector => (vector, true)).Concat(file.Negative.Select(vector => (vector, false))))
        {
            Action<JsonObject, bool> check = Text(vector, "part") switch
            {
                "layout" => CheckLayout,
                "tree" => CheckTree,
                _ => (given, _) => CheckSnapshot(given, file.Positive.First(first => Text(first, "part") == "snapshot")),
            };
            if (positive)
            {
                check(vector, true);
            }
            else
            {
                var input = vector["flip"] is JsonObject flip ? Flipped("checkpoint", file.Positive[0], flip) : vector;
                AssertRefused(vector, () => check(input, false));
            }
        }

        Assert.Equal(3, file.Positive.DistinctBy(vector => Text(vector, "part")).Count());
    }

    private static void CheckLayout(JsonObject vector, bool positive)
    {
        var bytes = Bytes(vector, "checkpoint");
        var checkpoint = Checkpoint.Parse(bytes);
        if (positive)
        {
            Assert.Equal((Id(vector, "account"), Id(vector, "vault"), Id(vector, "device")), (checkpoint.Account, checkpoint.Vault, checkpoint.Device));
            Assert.Equal((Number(vector, "generation"), Number(vector, "seq"), Number(vector, "leaf_count")), (checkpoint.Generation, checkpoint.Seq, checkpoint.Leaves));
            Assert.Equal((uint)vector["key_epoch"]!, checkpoint.KeyEpoch);
            Same(vector, "chain_hash", checkpoint.ChainHash.ToArray());
            Same(vector, "root", checkpoint.Root.ToArray());
            Same(vector, "checkpoint", checkpoint.ToBytes());
        }

        RequireSignature(vector, bytes);
    }

    private static void CheckTree(JsonObject vector, bool positive)
    {
        var tree = new SnapshotTree();
        foreach (var leaf in vector["leaves"]!.AsArray().Select(leaf => leaf!.AsObject()))
        {
            var hash = Bytes(leaf, "header_hash");
            Same(leaf, "leaf", SnapshotTree.Leaf(Id(leaf, "subject"), Number(leaf, "rev"), Number(leaf, "seq"), hash));
            tree.Add(Id(leaf, "subject"), Number(leaf, "rev"), Number(leaf, "seq"), hash);
        }

        Assert.True(positive);
        Same(vector, "root", tree.Root());
    }

    private static void CheckSnapshot(JsonObject vector, JsonObject first)
    {
        JsonNode Of(string field) => vector[field] ?? first[field]!;
        using var keys = KeysOf(first);
        using var verifier = new LogVerifier(keys);
        var begin = new SnapshotBegin
        {
            AsOf = ulong.Parse((string)Of("as_of")!, CultureInfo.InvariantCulture),
            Rows = ulong.Parse((string)Of("row_count")!, CultureInfo.InvariantCulture),
            Checkpoint = ByteString.CopyFrom(Convert.FromHexString((string)Of("checkpoint")!)),
            Signature = ByteString.CopyFrom(Convert.FromHexString((string)Of("signature")!)),
        };
        var snapshot = new SnapshotVerifier(verifier, Id(first, "account"), ulong.Parse((string)Of("generation")!, CultureInfo.InvariantCulture), 0, begin);
        var leaves = new List<SnapshotLeaf>();
        foreach (var row in Of("rows").AsArray().Select(row => row is JsonObject made ? made : first["rows"]![(int)row! - 1]!.AsObject()))
        {
            var verified = snapshot.Add(ChangeOf(row));
            leaves.Add(new SnapshotLeaf(verified.Header.Subject, verified.Header.Rev, verified.Row.Seq, verified.HeaderHash));
        }

        snapshot.Finish(leaves.OrderBy(leaf => leaf.Subject, new HeaderVectors.BigEndianOrder()));
        foreach (var leaf in Of("known").AsArray().Select(leaf => leaf!.AsObject()))
        {
            var known = new SnapshotLeaf(Id(leaf, "subject"), Number(leaf, "rev"), Number(leaf, "seq"), Bytes(leaf, "header_hash"));
            SnapshotVerifier.RequireNoRollback(known, leaves.Find(shown => shown.Subject == known.Subject));
        }
    }

    [Fact]
    public async Task Attachments()
    {
        var file = Load("attachment");
        var sealedOnes = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var vector in file.Positive)
        {
            var plaintext = AttachmentVectors.Plaintext((int)Number(vector, "length"));
            using var cipher = CipherOf(vector);
            using var ciphertext = new MemoryStream();
            var made = await cipher.SealAsync(new MemoryStream(plaintext), ciphertext, TestContext.Current.CancellationToken);
            Assert.Equal((Number(vector, "length"), (uint)vector["chunk_count"]!, Number(vector, "ciphertext_length")), (made.Length, made.Chunks, made.CiphertextLength));
            Same(vector, "sha256", SHA256.HashData(ciphertext.ToArray()));
            if (vector["ciphertext"] is not null)
            {
                Same(vector, "ciphertext", ciphertext.ToArray());
            }

            foreach (var chunk in vector["chunks"]!.AsArray().Select(chunk => chunk!.AsObject()))
            {
                var (aad, nonce) = (new byte[AttachmentCipher.AadSize], new byte[12]);
                cipher.WriteAad((uint)chunk["index"]!, (bool)chunk["final"]!, aad);
                AttachmentCipher.WriteNonce((uint)chunk["index"]!, nonce);
                Same(chunk, "aad", aad);
                Same(chunk, "nonce", nonce);
            }

            Assert.Equal(plaintext, await OpenAsync(vector, ciphertext.ToArray()));
            sealedOnes.Add(Text(vector, "name"), ciphertext.ToArray());
        }

        Assert.NotEmpty(file.Negative);
        foreach (var vector in file.Negative)
        {
            var input = file.Positive.Single(positive => Text(positive, "name") == Text(vector, "of")).DeepClone().AsObject();
            foreach (var (field, value) in vector)
            {
                input[field] = value?.DeepClone();
            }

            var whole = sealedOnes[Text(vector, "of")];
            byte[] ciphertext = [.. vector["pieces"]!.AsArray().SelectMany(piece => whole[(int)piece![0]!..(int)piece[1]!])];
            if (vector["flip"] is { } flip)
            {
                ciphertext[(int)flip["offset"]!] ^= (byte)(int)flip["xor"]!;
            }

            AssertRefused(vector, () => OpenAsync(input, ciphertext).GetAwaiter().GetResult());
        }
    }

    private static async Task<byte[]> OpenAsync(JsonObject vector, byte[] ciphertext)
    {
        using var cipher = CipherOf(vector);
        using var plaintext = new MemoryStream();
        await cipher.OpenAsync(new MemoryStream(ciphertext), plaintext, Number(vector, "length"), (uint)vector["chunk_count"]!, TestContext.Current.CancellationToken);
        return plaintext.ToArray();
    }

    private static AttachmentCipher CipherOf(JsonObject vector) =>
        new(Bytes(vector, "key"), new AttachmentPlace(Id(vector, "account"), Id(vector, "vault"), Id(vector, "item"), Id(vector, "attachment")));

    private static byte[] Part(JsonObject vector, string map, string epoch) => Convert.FromHexString((string)vector[map]![epoch]!);

    private static VaultKeys KeysOf(JsonObject vector) => new(
        new AccountKey(Part(vector, "account_keys", "2")),
        2,
        new[] { "1", "2" }.Select(epoch => KeyValuePair.Create(uint.Parse(epoch, CultureInfo.InvariantCulture), new EpochKeys(Part(vector, "vault_keys", epoch), Part(vector, "directory_keys", epoch)))));
}
