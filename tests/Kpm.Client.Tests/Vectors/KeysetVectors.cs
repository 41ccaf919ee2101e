using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Kpm.Client.Kpm1;
using Kpm.V1;
using static Kpm.Client.Tests.Vectors.VectorInputs;

namespace Kpm.Client.Tests.Vectors;

internal static class KeysetVectors
{
    private const string Password = "correct horse battery staple";
    private static readonly Guid Account = Id("account");

    public static VectorFile Make()
    {
        var file = new VectorFile("keyset", "Keysets and what they open to. header is the header that carries it; password, or device with device_private, or recovery_private opens it; least_iterations is what the client has accepted before. A flip is applied to the keyset of the first positive, which is then opened with account_key instead of the password; the header stays.");
        using var keys = VaultKeys.Create(Bytes("keyset account key", 32), Bytes("keyset vault key 1", 32));
        var password = KeysetEnvelope.WrapPassword(Account, Account, keys, Password, MainPassword.MinIterations, Bytes("keyset salt", 32), Bytes("keyset nonce", 12));
        var first = KeysetEnvelope.Of(Account, Account, 1, 1, password, null, [], [KeysetEnvelope.WrapEpoch(Account, Account, keys, 1, Bytes("epoch nonce 1", 12))]);
        var plain = first.ToBytes(keys.Account);
        file.Positive.Add(Describe("password wrap alone", plain, keys, first, new JsonObject { ["password"] = Password }));

        using var rotated = Rotated();
        var full = Full(rotated);
        var fullBytes = full.ToBytes(rotated.Account);
        using var device = AgreementKey("device 2");
        using var recovery = AgreementKey("recovery");
        file.Positive.Add(Describe("all wraps, by password", fullBytes, rotated, full, new JsonObject { ["password"] = Password }));
        file.Positive.Add(Describe("all wraps, by device", fullBytes, rotated, full, new JsonObject { ["device"] = Id("device 2").ToString("D"), ["device_private"] = Hex(PrivateScalar(device)) }));
        file.Positive.Add(Describe("all wraps, by recovery key", fullBytes, rotated, full, new JsonObject { ["recovery_private"] = Hex(PrivateScalar(recovery)) }));

        AddFlips(file, plain);
        AddOpening(file, plain, first, keys);
        AddLayouts(file, plain, fullBytes);
        return file;
    }

    private static VaultKeys Rotated()
    {
        var account = new AccountKey(Bytes("keyset account key 3", 32));
        return new VaultKeys(account, 3,
        [
            new(1, new EpochKeys(Bytes("keyset vault key 1", 32), Bytes("keyset directory key 1", 32))),
            new(2, new EpochKeys(Bytes("keyset vault key 2", 32), Bytes("keyset directory key 2", 32))),
            new(3, new EpochKeys(Bytes("keyset vault key 3", 32), [.. account.DirectoryKey])),
        ]);
    }

    private static KeysetEnvelope Full(VaultKeys keys)
    {
        var password = KeysetEnvelope.WrapPassword(Account, Account, keys, Password, MainPassword.MinIterations + 1, Bytes("keyset salt 3", 32), Bytes("keyset nonce 3", 12));
        var context = new WrapContext(WrapKind.Recovery, Account, Account, 3);
        using var recovery = AgreementKey("recovery");
        using var recoveryEphemeral = AgreementKey("recovery ephemeral");
        var recoveryWrap = EcdhWrap.Seal(keys.Account.Key, P256.PublicKey(recovery), context, recoveryEphemeral, Bytes("recovery nonce", 12));
        var devices = new[] { "device 1", "device 2" }.OrderBy(Id, new HeaderVectors.BigEndianOrder()).Select(name =>
        {
            using var recipient = AgreementKey(name);
            using var ephemeral = AgreementKey(name + " ephemeral");
            return EcdhWrap.Seal(keys.Account.Key, P256.PublicKey(recipient), context with { Kind = WrapKind.Device, Device = Id(name) }, ephemeral, Bytes(name + " nonce", 12));
        });
        var epochs = new[] { 1u, 2u, 3u }.Select(epoch => KeysetEnvelope.WrapEpoch(Account, Account, keys, epoch, Bytes("rotated epoch nonce " + epoch, 12)));
        return KeysetEnvelope.Of(Account, Account, 9, 3, password, recoveryWrap, [.. devices], [.. epochs]);
    }

    private static JsonObject Describe(string name, byte[] bytes, VaultKeys keys, KeysetEnvelope keyset, JsonObject by)
    {
        var vector = new JsonObject
        {
            ["name"] = name,
            ["keyset"] = Hex(bytes),
            ["header"] = Hex(Header(bytes, keyset.Rev, keyset.KeyEpoch)),
            ["account"] = Account.ToString("D"),
            ["rev"] = HeaderVectors.Number(keyset.Rev),
            ["key_epoch"] = keyset.KeyEpoch,
            ["iterations"] = keyset.Iterations,
            ["account_key"] = Hex(keys.Account.Key),
            ["vault_keys"] = Map(keys, inner => inner.VaultKey),
            ["directory_keys"] = Map(keys, inner => inner.DirectoryKey),
        };
        foreach (var (key, value) in by)
        {
            vector[key] = value?.DeepClone();
        }

        return vector;
    }

    private static JsonObject Map(VaultKeys keys, Func<EpochKeys, byte[]> part)
    {
        var map = new JsonObject();
        foreach (var (epoch, inner) in keys.Epochs)
        {
            map[epoch.ToString(System.Globalization.CultureInfo.InvariantCulture)] = Hex(part(inner));
        }

        return map;
    }

    private static byte[] Header(byte[] keyset, ulong rev, uint epoch) => (HeaderVectors.Put() with
    {
        Kind = OperationKind.Keyset,
        Subject = Account,
        BaseRev = rev - 1,
        KeyEpoch = epoch,
        Schema = 0,
        Commitment = new byte[32],
        EnvelopeHash = SHA256.HashData(keyset),
    }).ToBytes();

    private static void AddFlips(VectorFile file, byte[] plain)
    {
        for (var offset = 0; offset < plain.Length; offset += offset is >= 54 and < 144 or >= 152 ? 7 : 1)
        {
            var error = offset switch
            {
                < 5 => Kpm1Error.StructureInvalid,
                5 => Kpm1Error.SuiteUnknown,
                >= 46 and < 50 => Kpm1Error.StructureInvalid,   // the last epoch is no longer the key epoch
                45 => Kpm1Error.StructureInvalid,               // rev 1 becomes 0
                < 46 => Kpm1Error.KeysetMismatch,
                50 => Kpm1Error.KdfTooStrong,
                51 => Kpm1Error.KdfTooWeak,                     // 600,000 = 0x000927c0 becomes 0x000827c0
                52 => Kpm1Error.KdfTooWeak,                     // ... 0x000926c0
                53 => Kpm1Error.KeysetMacInvalid,               // ... 0x000927c1, which is strong enough
                >= 146 and < 151 => Kpm1Error.StructureInvalid, // the counts no longer fit the length
                >= 151 and < 155 => Kpm1Error.StructureInvalid, // the only epoch is no longer the key epoch
                _ => Kpm1Error.KeysetMacInvalid,
            };
            file.Refuse($"byte {offset} flipped", error, VectorFile.Flip(offset));
        }
    }

    private static void AddOpening(VectorFile file, byte[] plain, KeysetEnvelope first, VaultKeys keys)
    {
        var header = Header(plain, 1, 1);
        void Refuse(string name, Kpm1Error error, byte[] keyset, byte[] carriedBy, string password = Password, uint least = 0) => file.Refuse(name, error, new JsonObject
        {
            ["keyset"] = Hex(keyset),
            ["header"] = Hex(carriedBy),
            ["password"] = password,
            ["least_iterations"] = least,
        });

        Refuse("wrong password", Kpm1Error.PasswordWrong, plain, header, "correct horse battery stable");
        Refuse("password in another case", Kpm1Error.PasswordWrong, plain, header, Password.ToUpperInvariant());
        Refuse("password with a blank more", Kpm1Error.PasswordWrong, plain, header, Password + " ");
        Refuse("fewer iterations than accepted before", Kpm1Error.KdfDowngrade, plain, header, least: MainPassword.MinIterations + 1);
        Refuse("another rev than the header's", Kpm1Error.KeysetMismatch, plain, Header(plain, 2, 1));
        Refuse("another epoch than the header's", Kpm1Error.KeysetMismatch, plain, Header(plain, 1, 2));

        foreach (var (name, iterations, error) in new[]
        {
            ("floor - 1", MainPassword.MinIterations - 1, Kpm1Error.KdfTooWeak),
            ("ceiling + 1", MainPassword.MaxIterations + 1, Kpm1Error.KdfTooStrong),
            ("one iteration", 1u, Kpm1Error.KdfTooWeak),
        })
        {
            // A whole keyset, with the right MAC, of a client without the bounds.
            var weak = KeysetEnvelope.Of(Account, Account, 1, 1, first.Password with { Iterations = iterations }, null, [], first.Epochs).ToBytes(keys.Account);
            Refuse(name, error, weak, Header(weak, 1, 1));
        }

        using var other = VaultKeys.Create(Bytes("another account key", 32), Bytes("keyset vault key 1", 32));
        var foreignEpoch = KeysetEnvelope.Of(Account, Account, 1, 1, first.Password, null, [], [KeysetEnvelope.WrapEpoch(Account, Account, other, 1, Bytes("n", 12))]).ToBytes(keys.Account);
        Refuse("epoch wrapped by another AK", Kpm1Error.WrapInvalid, foreignEpoch, Header(foreignEpoch, 1, 1));
        using var wrongDirectory = new VaultKeys(new AccountKey(keys.Account.Key), 1, [new(1, new EpochKeys(Bytes("keyset vault key 1", 32), Bytes("not AK's", 32)))]);
        var foreignDirectory = KeysetEnvelope.Of(Account, Account, 1, 1, first.Password, null, [], [KeysetEnvelope.WrapEpoch(Account, Account, wrongDirectory, 1, Bytes("n", 12))]).ToBytes(keys.Account);
        Refuse("directory key that is not AK's", Kpm1Error.WrapInvalid, foreignDirectory, Header(foreignDirectory, 1, 1));
        var foreignMac = KeysetEnvelope.Of(Account, Account, 1, 1, first.Password, null, [], first.Epochs).ToBytes(other.Account);
        Refuse("MAC under another AK", Kpm1Error.KeysetMacInvalid, foreignMac, Header(foreignMac, 1, 1));
    }

    private static void AddLayouts(VectorFile file, byte[] plain, byte[] full)
    {
        void Refuse(string name, byte[] keyset) => file.Refuse(name, Kpm1Error.StructureInvalid, new JsonObject
        {
            ["keyset"] = Hex(keyset),
            ["header"] = Hex(Header(plain, 1, 1)),
            ["password"] = Password,
            ["least_iterations"] = 0,
        });

        Refuse("empty", []);
        Refuse("one byte short", plain[..^1]);
        Refuse("one byte long", [.. plain, 0]);
        Refuse("two recovery wraps", With(full, 146, 2));
        Refuse("no epochs", [.. plain[..149], 0, 0, .. plain[^32..]]);
        var devices = 147 + 190;
        Refuse("257 devices", With(With(full, devices, 1), devices + 1, 1));
        Refuse("devices in falling order", [.. full[..(devices + 2)], .. full[(devices + 208)..(devices + 414)], .. full[(devices + 2)..(devices + 208)], .. full[(devices + 414)..]]);
        Refuse("a device twice", [.. full[..(devices + 208)], .. full[(devices + 2)..(devices + 208)], .. full[(devices + 414)..]]);
        Refuse("recipient that is no point", With(full, 147, 2));
        Refuse("recipient off the curve", With(full, 147 + 64, (byte)(full[147 + 64] ^ 1)));
        Refuse("ephemeral key off the curve", With(full, 147 + 129, (byte)(full[147 + 129] ^ 1)));
        var epochs = devices + 2 + 412;
        Refuse("1,025 epochs", With(With(full, epochs, 4), epochs + 1, 1));
        Refuse("epochs in falling order", [.. full[..(epochs + 2)], .. full[(epochs + 98)..(epochs + 194)], .. full[(epochs + 2)..(epochs + 98)], .. full[(epochs + 194)..]]);
        Refuse("epoch 0", With(full, epochs + 5, 0));
        Refuse("the last epoch is not the key epoch", With(full, epochs + 197, 4));
        byte[] top = With(full, 38, 128);
        BinaryPrimitives.WriteUInt32BigEndian(top.AsSpan(46), 3);
        Refuse("rev above 2^63 - 1", top);
    }

    private static byte[] With(byte[] bytes, int offset, byte value)
    {
        byte[] copy = [.. bytes];
        copy[offset] = value;
        return copy;
    }
}
