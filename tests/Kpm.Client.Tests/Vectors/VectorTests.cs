using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.V1;

namespace Kpm.Client.Tests.Vectors;

/// <summary>The library against the committed files, read as any other language reads them.</summary>
public sealed class VectorTests
{
    [Fact]
    public void There_are_at_least_300_negatives_and_every_error_is_one_of_the_format()
    {
        var names = Enum.GetValues<Kpm1Error>().Select(Kpm1Exception.NameOf).ToHashSet(StringComparer.Ordinal);
        var errors = Directory.GetFiles(VectorFilesTests.Folder, "*.json").SelectMany(path => Load(Path.GetFileNameWithoutExtension(path)).Negative).Select(vector => Text(vector, "error")).ToList();
        Assert.True(errors.Count >= 300, $"{errors.Count} negatives");
        Assert.All(errors, error => Assert.Contains(error, names));
    }

    [Fact]
    public void Kdf() => Check("kdf", (vector, positive) =>
    {
        var password = (string?)vector["password"] ?? "";
        if (vector["password_utf16"] is { } units)
        {
            password = new string([.. Enumerable.Range(0, ((string)units!).Length / 4).Select(i => (char)ushort.Parse(((string)units!).AsSpan(4 * i, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture))]);
        }

        var key = MainPassword.DeriveKey(password, Bytes(vector, "salt"), (uint)vector["iterations"]!);
        if (positive)
        {
            Same(vector, "normalised", MainPassword.Normalise(password));
            Same(vector, "user_key", key);
        }
    });

    [Fact]
    public void Wraps() => Check("wraps", (vector, positive) =>
    {
        if (vector["account_key"] is not null)
        {
            using var account = new AccountKey(Bytes(vector, "account_key"));
            Same(vector, "wrap_key", account.WrapKey);
            Same(vector, "directory_key", account.DirectoryKey);
            Same(vector, "keyset_key", account.KeysetKey);
            Same(vector, "local_key", account.LocalKey);
            return;
        }

        var kind = Enum.Parse<WrapKind>(Text(vector, "wrap"), ignoreCase: true);
        var context = new WrapContext(kind, Id(vector, "account"), Id(vector, "vault"), (uint)vector["key_epoch"]!)
        {
            Device = Id(vector, "device"),
            Iterations = (uint)vector["iterations"]!,
            Salt = Bytes(vector, "kdf_salt"),
        };
        byte[] opened;
        if (kind is WrapKind.Recovery or WrapKind.Device)
        {
            using var recipient = AgreementKey(Bytes(vector, "recipient_private"));
            opened = new EcdhWrap(context.Device, Bytes(vector, "recipient"), Bytes(vector, "ephemeral"), Bytes(vector, "nonce"), Bytes(vector, "wrapped")).Open(recipient, context);
        }
        else
        {
            var error = kind == WrapKind.Password ? Kpm1Error.PasswordWrong : Kpm1Error.WrapInvalid;
            opened = Primitives.Open(Bytes(vector, "kek"), Bytes(vector, "nonce"), Bytes(vector, "wrapped"), context.ToBytes(), error);
        }

        if (positive)
        {
            Same(vector, "aad", context.ToBytes());
            Same(vector, "plaintext", opened);
        }
    });

    [Fact]
    public void Header() => Check("header", (vector, positive) =>
    {
        var bytes = Bytes(vector, "header");
        var header = OperationHeader.Parse(bytes);
        if (positive)
        {
            foreach (var (field, value) in HeaderVectors.Describe(header))
            {
                Assert.Equal(value!.ToJsonString(), vector[field]!.ToJsonString());
            }

            Same(vector, "header", header.ToBytes());
            Same(vector, "header_hash", SHA256.HashData(bytes));
        }

        RequireSignature(vector, bytes);
    });

    [Fact]
    public void Aad() => Check("aad", (vector, positive) =>
    {
        if (positive)
        {
            var header = HeaderVectors.Put() with
            {
                Account = Id(vector, "account"),
                Vault = Id(vector, "vault"),
                Subject = Id(vector, "subject"),
                KeyEpoch = (uint)vector["key_epoch"]!,
                Schema = (uint)vector["schema"]!,
                BaseRev = Number(vector, "base_rev"),
                Device = Id(vector, "device"),
            };
            Assert.Equal(header.Rev, Number(vector, "rev"));
            Same(vector, "aad", ItemEnvelope.Aad(header));
        }

        var plaintext = Primitives.Open(Bytes(vector, "key"), Bytes(vector, "nonce"), Bytes(vector, "ciphertext"), Bytes(vector, "aad"), Kpm1Error.DecryptionFailed);
        Same(vector, "plaintext", plaintext);
    });

    [Fact]
    public void Item() => Check("item", (vector, positive) =>
    {
        using var keys = VaultKeysOf(vector);
        var header = OperationHeader.Parse(Bytes(vector, "header"));
        var item = ItemEnvelope.Open(Bytes(vector, "envelope"), header, keys);
        if (positive)
        {
            var message = Bytes(vector, "message");
            Assert.Equal(message, item.ToByteArray());
            var made = ItemEnvelope.Seal(message, Bytes(vector, "aad"), keys.Of(header.KeyEpoch).VaultKey, Bytes(vector, "salt"), Bytes(vector, "nonce"));
            Same(vector, "aad", ItemEnvelope.Aad(header));
            Same(vector, "padded", ItemEnvelope.Pad(message));
            Same(vector, "item_key", ItemEnvelope.ItemKey(keys.Of(header.KeyEpoch).VaultKey, Bytes(vector, "salt"), ItemEnvelope.Aad(header)));
            Same(vector, "envelope", made.Bytes);
            Same(vector, "commitment", made.Commitment);
            Same(vector, "commitment", header.Commitment.ToArray());
        }
    });

    [Fact]
    public void Directory_entries() => Check("directory", (vector, positive) =>
    {
        var entry = DirectoryEntry.Parse(Bytes(vector, "entry"));
        if (entry.Enrolment == Enrolment.Approved)
        {
            entry.RequireApproval(Bytes(vector, "approver_signing_key"));
        }

        using var keys = new VaultKeys(new AccountKey(new byte[32]), 1, [new(1, new EpochKeys(new byte[32], Bytes(vector, "directory_key")))]);
        entry.RequireMac(keys);
        if (positive)
        {
            Assert.Equal((int)vector["enrolment"]!, (int)entry.Enrolment);
            Assert.Equal(Id(vector, "account"), entry.Account);
            Assert.Equal(Id(vector, "vault"), entry.Vault);
            Assert.Equal(Id(vector, "device"), entry.Device);
            Assert.Equal(Id(vector, "approver"), entry.Approver);
            Same(vector, "signing_key", entry.SigningKey.ToArray());
            Same(vector, "ecdh_key", entry.AgreementKey.ToArray());
            Same(vector, "approval", entry.Approval.ToArray());
            Same(vector, "to_approve", entry.ToApprove());
            Same(vector, "entry", entry.ToBytes(keys));
        }
    });

    [Fact]
    public void Keysets() => Check("keyset", (vector, positive) =>
    {
        var header = OperationHeader.Parse(Bytes(vector, "header"));
        var keyset = KeysetEnvelope.Parse(Bytes(vector, "keyset"));
        keyset.RequireHeader(header);
        if (vector["flip"] is not null)
        {
            using var known = new VaultKeys(new AccountKey(Bytes(vector, "account_key")), keyset.KeyEpoch, []);
            KeysetEnvelope.Verify(Bytes(vector, "keyset"), header, known, 0);
            return;
        }

        using var opened = Open(keyset, vector);
        if (positive)
        {
            Assert.Equal(Number(vector, "rev"), keyset.Rev);
            Assert.Equal((uint)vector["iterations"]!, keyset.Iterations);
            Same(vector, "account_key", opened.Account.Key);
            Assert.Equal(vector["vault_keys"]!.AsObject().Count, opened.Epochs.Count);
            foreach (var (epoch, inner) in opened.Epochs)
            {
                var key = epoch.ToString(CultureInfo.InvariantCulture);
                Assert.Equal((string)vector["vault_keys"]![key]!, VectorInputs.Hex(inner.VaultKey));
                Assert.Equal((string)vector["directory_keys"]![key]!, VectorInputs.Hex(inner.DirectoryKey));
            }

            Same(vector, "keyset", keyset.ToBytes(opened.Account));
        }
    });

    [Fact]
    public void Chain()
    {
        var file = Load("chain");
        var log = file.Positive[0];
        var honest = log["entries"]!.AsArray().Select(entry => entry!.AsObject()).ToList();
        using var keys = new VaultKeys(new AccountKey(Bytes(log, "account_key")), 1, [new(1, new EpochKeys(Convert.FromHexString((string)log["vault_keys"]!["1"]!), Convert.FromHexString((string)log["directory_keys"]!["1"]!)))]);
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
    public void Signature() => Check("signature", (vector, positive) =>
    {
        if (positive && vector["method"] is not null)
        {
            var milliseconds = long.Parse(Text(vector, "time_ms"), CultureInfo.InvariantCulture);
            Same(vector, "data", DeviceProofs.ToSign(Text(vector, "method"), Text(vector, "token"), milliseconds, Bytes(vector, "nonce")));
        }

        RequireSignature(vector, Bytes(vector, "data"));
    });

    internal static void RequireSignature(JsonObject vector, byte[] data)
    {
        using var key = P256.VerificationKey(Bytes(vector, "signing_key"));
        if (!P256.Verify(key, data, Bytes(vector, "signature")))
        {
            throw new Kpm1Exception(Kpm1Error.SignatureInvalid);
        }
    }

    /// <summary>Runs the check on every positive, which must pass, and every negative, which must be refused with its error.</summary>
    internal static void Check(string subject, Action<JsonObject, bool> check)
    {
        var file = Load(subject);
        Assert.NotEmpty(file.Positive);
        Assert.NotEmpty(file.Negative);
        foreach (var vector in file.Positive)
        {
            check(vector, true);
        }

        foreach (var vector in file.Negative)
        {
            var input = vector["flip"] is JsonObject flip ? Flipped(subject, file.Positive[0], flip) : vector;
            AssertRefused(vector, () => check(input, false));
        }
    }

    internal static void AssertRefused(JsonObject vector, Action check)
    {
        try
        {
            check();
        }
        catch (Kpm1Exception refused)
        {
            Assert.True(Text(vector, "error") == Kpm1Exception.NameOf(refused.Error), $"{Text(vector, "name")}: {refused.Error} instead of {Text(vector, "error")}");
            return;
        }

        Assert.Fail($"{Text(vector, "name")}: accepted");
    }

    internal static JsonObject Flipped(string subject, JsonObject positive, JsonObject flip)
    {
        var field = subject switch
        {
            "item" => "envelope",
            "directory" => "entry",
            _ => subject,
        };
        var copy = positive.DeepClone().AsObject();
        var bytes = Bytes(copy, field);
        bytes[(int)flip["offset"]!] ^= (byte)(int)flip["xor"]!;
        copy[field] = VectorInputs.Hex(bytes);
        copy["flip"] = flip.DeepClone();
        return copy;
    }

    private static VaultKeys Open(KeysetEnvelope keyset, JsonObject vector)
    {
        var least = vector["least_iterations"] is { } value ? (uint)value : 0;
        if (vector["password"] is { } password)
        {
            return keyset.Open((string)password!, least);
        }

        using var key = AgreementKey(Bytes(vector, vector["device"] is null ? "recovery_private" : "device_private"));
        return vector["device"] is null ? keyset.OpenWithRecovery(key) : keyset.OpenWithDevice(Id(vector, "device"), key);
    }

    private static VaultKeys VaultKeysOf(JsonObject vector) => new(
        new AccountKey(new byte[32]),
        1,
        vector["vault_keys"]!.AsObject().Select(pair => KeyValuePair.Create(uint.Parse(pair.Key, CultureInfo.InvariantCulture), new EpochKeys(Convert.FromHexString((string)pair.Value!), new byte[32]))));

    internal static ECDiffieHellman AgreementKey(byte[] scalar) =>
        ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = scalar });

    internal static Change ChangeOf(JsonObject entry) => new()
    {
        Seq = Number(entry, "seq"),
        Kind = (OperationKind)(int)entry["kind"]!,
        SubjectId = Text(entry, "subject"),
        Rev = Number(entry, "rev"),
        Header = ByteString.CopyFrom(Bytes(entry, "header")),
        Signature = ByteString.CopyFrom(Bytes(entry, "signature")),
        Envelope = ByteString.CopyFrom(Bytes(entry, "envelope")),
        Superseded = (bool)entry["superseded"]!,
    };

    internal static (List<JsonObject> Positive, List<JsonObject> Negative) Load(string subject)
    {
        var file = JsonNode.Parse(File.ReadAllText(Path.Combine(VectorFilesTests.Folder, subject + ".json")))!;
        return ([.. file["positive"]!.AsArray().Select(vector => vector!.AsObject())], [.. file["negative"]!.AsArray().Select(vector => vector!.AsObject())]);
    }

    internal static void Same(JsonObject vector, string field, byte[] actual) => Assert.Equal(Text(vector, field), VectorInputs.Hex(actual));

    internal static string Text(JsonObject vector, string field) => (string)vector[field]!;

    internal static byte[] Bytes(JsonObject vector, string field) => Convert.FromHexString(Text(vector, field));

    internal static Guid Id(JsonObject vector, string field) => Guid.ParseExact(Text(vector, field), "D");

    internal static ulong Number(JsonObject vector, string field) => ulong.Parse(Text(vector, field), CultureInfo.InvariantCulture);
}
