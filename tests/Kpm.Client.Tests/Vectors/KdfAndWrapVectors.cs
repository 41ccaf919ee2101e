using System.Text.Json.Nodes;
using Kpm.Client.Kpm1;
using static Kpm.Client.Tests.Vectors.VectorInputs;

namespace Kpm.Client.Tests.Vectors;

internal static class KdfVectors
{
    public static VectorFile Make()
    {
        var file = new VectorFile("kdf", "password -> NFKC -> UTF-8 (normalised) -> PBKDF2-HMAC-SHA256 -> user_key. Where password_utf16 stands instead, the password is these big-endian UTF-16 code units.");
        Add(file, "ascii", "correct horse battery staple", MainPassword.MinIterations);
        Add(file, "default iterations", "correct horse battery staple", MainPassword.DefaultIterations);
        Add(file, "one above the floor", "Tr0ub4dor&3", MainPassword.MinIterations + 1);
        Add(file, "one character", "x", MainPassword.MinIterations);
        Add(file, "white space stays", "  two  words\t", MainPassword.MinIterations);
        Add(file, "composed", "Gr\u00fc\u00dfe \u00c5ngstr\u00f6m", MainPassword.MinIterations);
        Add(file, "decomposed gives the same", "Gru\u0308\u00dfe A\u030angstro\u0308m", MainPassword.MinIterations, "Gr\u00fc\u00dfe \u00c5ngstr\u00f6m");
        Add(file, "compatibility forms", "\ufb01ne \u2460 \uff21\uff22\uff23 \u210c", MainPassword.MinIterations);
        Add(file, "beyond the basic plane", "\U0001F511 \u5bc6\u7801 \u043f\u0430\u0440\u043e\u043b\u044c", MainPassword.MinIterations);
        Add(file, "hangul jamo", "\u1112\u1161\u11ab\u1100\u1173\u11af", MainPassword.MinIterations);
        Add(file, "1024 bytes", new string('k', MainPassword.MaxBytes), MainPassword.MinIterations);

        Refuse(file, "floor - 1", "correct horse", MainPassword.MinIterations - 1, Kpm1Error.KdfTooWeak);
        Refuse(file, "zero iterations", "correct horse", 0, Kpm1Error.KdfTooWeak);
        Refuse(file, "one iteration", "correct horse", 1, Kpm1Error.KdfTooWeak);
        Refuse(file, "ceiling + 1", "correct horse", MainPassword.MaxIterations + 1, Kpm1Error.KdfTooStrong);
        Refuse(file, "greatest number", "correct horse", uint.MaxValue, Kpm1Error.KdfTooStrong);
        Refuse(file, "empty password", "", MainPassword.MinIterations, Kpm1Error.PasswordInvalid);
        Refuse(file, "1025 bytes", new string('k', MainPassword.MaxBytes + 1), MainPassword.MinIterations, Kpm1Error.PasswordInvalid);
        Refuse(file, "1025 bytes only after NFKC", new string('k', MainPassword.MaxBytes - 1) + "\ufb01", MainPassword.MinIterations, Kpm1Error.PasswordInvalid);
        Refuse(file, "salt of 31 bytes", "correct horse", MainPassword.MinIterations, Kpm1Error.StructureInvalid, saltSize: 31);
        Refuse(file, "salt of 33 bytes", "correct horse", MainPassword.MinIterations, Kpm1Error.StructureInvalid, saltSize: 33);
        foreach (var (name, units) in new[] { ("lone high surrogate", "0061d8000062"), ("lone low surrogate", "0061dc00"), ("high surrogate at the end", "0061d83d") })
        {
            file.Refuse(name, Kpm1Error.PasswordInvalid, new JsonObject { ["password_utf16"] = units, ["salt"] = Hex(Bytes(name, 32)), ["iterations"] = MainPassword.MinIterations });
        }

        return file;
    }

    private static void Add(VectorFile file, string name, string password, uint iterations, string? saltOf = null)
    {
        var salt = Bytes("salt " + (saltOf ?? password), 32);
        file.Positive.Add(new JsonObject
        {
            ["name"] = name,
            ["password"] = password,
            ["normalised"] = Hex(MainPassword.Normalise(password)),
            ["salt"] = Hex(salt),
            ["iterations"] = iterations,
            ["user_key"] = Hex(MainPassword.DeriveKey(password, salt, iterations)),
        });
    }

    private static void Refuse(VectorFile file, string name, string password, uint iterations, Kpm1Error error, int saltSize = 32) =>
        file.Refuse(name, error, new JsonObject { ["password"] = password, ["salt"] = Hex(Bytes("salt " + name, saltSize)), ["iterations"] = iterations });
}

internal static class WrapVectors
{
    private static readonly string[] Kinds = ["", "password", "recovery", "device", "epoch"];

    public static VectorFile Make()
    {
        var file = new VectorFile("wraps", "Wrapped keys. wrap: password, recovery, device or epoch; aad is built from account, vault, key_epoch, device, iterations and kdf_salt. kek is the AES key: UK, the ECDH key or AK's wrap key.");
        var accountKey = Bytes("wraps account key", 32);
        using var account = new AccountKey(accountKey);
        file.Positive.Add(new JsonObject
        {
            ["name"] = "subkeys",
            ["account_key"] = Hex(accountKey),
            ["wrap_key"] = Hex(account.WrapKey),
            ["directory_key"] = Hex(account.DirectoryKey),
            ["keyset_key"] = Hex(account.KeysetKey),
            ["local_key"] = Hex(account.LocalKey),
        });
        var userKey = Bytes("wraps user key", 32);
        var context = new WrapContext(WrapKind.Password, Id("account"), Id("account"), 1);
        AddSymmetric(file, "password wrap", context with { Iterations = 1_000_000, Salt = Bytes("wraps salt", 32) }, userKey, accountKey, Kpm1Error.PasswordWrong);
        AddEcdh(file, "recovery wrap", context with { Kind = WrapKind.Recovery }, accountKey);
        AddEcdh(file, "device wrap", context with { Kind = WrapKind.Device, Device = Id("device 1") }, accountKey);
        byte[] epoch = [.. Bytes("wraps vault key", 32), .. account.DirectoryKey];
        AddSymmetric(file, "epoch wrap", context with { Kind = WrapKind.Epoch }, account.WrapKey, epoch, Kpm1Error.WrapInvalid);
        AddSymmetric(file, "epoch wrap of epoch 7", context with { Kind = WrapKind.Epoch, KeyEpoch = 7 }, account.WrapKey, epoch, Kpm1Error.WrapInvalid);
        return file;
    }

    private static void AddSymmetric(VectorFile file, string name, WrapContext context, byte[] kek, byte[] plaintext, Kpm1Error error)
    {
        var nonce = Bytes("nonce " + name, 12);
        var wrapped = Primitives.Seal(kek, nonce, plaintext, context.ToBytes());
        var vector = Describe(context);
        vector["aad"] = Hex(context.ToBytes());
        vector["kek"] = Hex(kek);
        vector["nonce"] = Hex(nonce);
        vector["plaintext"] = Hex(plaintext);
        vector["wrapped"] = Hex(wrapped);
        AddAll(file, name, vector, error);
    }

    private static void AddEcdh(VectorFile file, string name, WrapContext context, byte[] plaintext)
    {
        using var recipient = AgreementKey("recipient " + name);
        using var ephemeral = AgreementKey("ephemeral " + name);
        var wrap = EcdhWrap.Seal(plaintext, P256.PublicKey(recipient), context, ephemeral, Bytes("nonce " + name, 12));
        var shared = P256.Agree(recipient, wrap.Ephemeral);
        var vector = Describe(context);
        vector["recipient_private"] = Hex(PrivateScalar(recipient));
        vector["recipient"] = Hex(wrap.Recipient);
        vector["ephemeral_private"] = Hex(PrivateScalar(ephemeral));
        vector["ephemeral"] = Hex(wrap.Ephemeral);
        vector["shared_secret"] = Hex(shared);
        vector["aad"] = Hex(context.ToBytes());
        vector["kek"] = Hex(Primitives.Hkdf(shared, [.. wrap.Ephemeral, .. wrap.Recipient], [.. "KPM1 wrap"u8, .. context.ToBytes()]));
        vector["nonce"] = Hex(wrap.Nonce);
        vector["plaintext"] = Hex(plaintext);
        vector["wrapped"] = Hex(wrap.Wrapped);
        AddAll(file, name, vector, Kpm1Error.WrapInvalid);
        using var other = AgreementKey("another ephemeral");
        file.Refuse(name + ", another ephemeral key", Kpm1Error.WrapInvalid, Input(vector, "ephemeral", Hex(P256.PublicKey(other))));
    }

    private static JsonObject Describe(WrapContext context) => new()
    {
        ["wrap"] = Kinds[(int)context.Kind],
        ["account"] = context.Account.ToString("D"),
        ["vault"] = context.Vault.ToString("D"),
        ["key_epoch"] = context.KeyEpoch,
        ["device"] = context.Device.ToString("D"),
        ["iterations"] = context.Iterations,
        ["kdf_salt"] = Hex(context.Salt.Span),
    };

    private static void AddAll(VectorFile file, string name, JsonObject vector, Kpm1Error error)
    {
        var positive = new JsonObject { ["name"] = name };
        foreach (var (key, value) in vector)
        {
            positive[key] = value?.DeepClone();
        }

        file.Positive.Add(positive);
        var wrapped = (string)vector["wrapped"]!;
        file.Refuse(name + ", another account", error, Input(vector, "account", Id("another account").ToString("D")));
        file.Refuse(name + ", another vault", error, Input(vector, "vault", Id("another account").ToString("D")));
        file.Refuse(name + ", another epoch", error, Input(vector, "key_epoch", 2));
        file.Refuse(name + ", another device", error, Input(vector, "device", Id("device 2").ToString("D")));
        file.Refuse(name + ", fewer iterations", error, Input(vector, "iterations", 600_000));
        file.Refuse(name + ", another salt", error, Input(vector, "kdf_salt", Hex(Bytes("another salt", 32))));
        file.Refuse(name + ", another nonce", error, Input(vector, "nonce", Hex(Bytes("another nonce", 12))));
        file.Refuse(name + ", truncated tag", error, Input(vector, "wrapped", wrapped[..^2]));
        file.Refuse(name + ", no tag", error, Input(vector, "wrapped", wrapped[..^32]));
        file.Refuse(name + ", flipped first byte", error, Input(vector, "wrapped", FlipByte(wrapped, 0)));
        file.Refuse(name + ", flipped last byte", error, Input(vector, "wrapped", FlipByte(wrapped, (wrapped.Length / 2) - 1)));
    }

    /// <summary>The inputs of opening, one of them replaced.</summary>
    private static JsonObject Input(JsonObject vector, string key, JsonNode value)
    {
        var input = new JsonObject();
        foreach (var name in new[] { "wrap", "account", "vault", "key_epoch", "device", "iterations", "kdf_salt", "recipient_private", "recipient", "ephemeral", "kek", "nonce", "wrapped" })
        {
            // An ECDH wrap is opened from the recipient's private key, so its KEK is not an input.
            if (vector[name] is { } known && (name != "kek" || vector["ephemeral"] is null))
            {
                input[name] = known.DeepClone();
            }
        }

        input[key] = value;
        return input;
    }

    private static string FlipByte(string hex, int offset)
    {
        var bytes = Convert.FromHexString(hex);
        bytes[offset] ^= 1;
        return Hex(bytes);
    }
}
