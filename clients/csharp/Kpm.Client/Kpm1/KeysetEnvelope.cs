using System.Security.Cryptography;

namespace Kpm.Client.Kpm1;

/// <summary>The wrapped keys of a vault, structure 3 of docs/crypto.md.</summary>
public sealed class KeysetEnvelope
{
    private const int MaxDevices = 256;
    private const int MaxEpochs = 1024;

    private KeysetEnvelope(PasswordWrap password, EcdhWrap? recovery, IReadOnlyList<EcdhWrap> devices, IReadOnlyList<EpochWrap> epochs)
    {
        Password = password;
        Recovery = recovery;
        Devices = devices;
        Epochs = epochs;
    }

    /// <summary>The account.</summary>
    public required Guid Account { get; init; }

    /// <summary>The vault.</summary>
    public required Guid Vault { get; init; }

    /// <summary>The keyset's revision, from 1.</summary>
    public required ulong Rev { get; init; }

    /// <summary>The current key epoch.</summary>
    public required uint KeyEpoch { get; init; }

    /// <summary>PBKDF2 iterations of the password wrap.</summary>
    public uint Iterations => Password.Iterations;

    internal PasswordWrap Password { get; }

    internal EcdhWrap? Recovery { get; }

    internal IReadOnlyList<EcdhWrap> Devices { get; }

    internal IReadOnlyList<EpochWrap> Epochs { get; }

    internal byte[] Mac { get; private init; } = [];

    /// <summary>The first keyset of a vault.</summary>
    /// <param name="account">The account; the vault's id too.</param>
    /// <param name="keys">The vault's keys.</param>
    /// <param name="mainPassword">The main password.</param>
    /// <param name="iterations">PBKDF2 iterations, 600,000 to 10,000,000.</param>
    /// <returns>The keyset as bytes.</returns>
    /// <exception cref="Kpm1Exception">PASSWORD_INVALID, KDF_TOO_WEAK or KDF_TOO_STRONG.</exception>
    public static byte[] Create(Guid account, VaultKeys keys, string mainPassword, uint iterations = MainPassword.DefaultIterations)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var password = WrapPassword(account, account, keys, mainPassword, iterations, Primitives.Random(Layout.SaltSize), Primitives.Random(Layout.NonceSize));
        var epochs = keys.Epochs.Keys.Select(epoch => WrapEpoch(account, account, keys, epoch, Primitives.Random(Layout.NonceSize)));
        return Of(account, account, 1, keys.Epoch, password, null, [], [.. epochs]).ToBytes(keys.Account);
    }

    /// <summary>The next revision of this keyset, with another main password.</summary>
    /// <param name="keys">The keys that this keyset opened to.</param>
    /// <param name="mainPassword">The new main password.</param>
    /// <param name="iterations">PBKDF2 iterations; at least this keyset's.</param>
    /// <returns>The keyset as bytes.</returns>
    /// <exception cref="Kpm1Exception">PASSWORD_INVALID, KDF_DOWNGRADE or KDF_TOO_STRONG.</exception>
    public byte[] WithMainPassword(VaultKeys keys, string mainPassword, uint iterations)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (iterations < Iterations)
        {
            throw new Kpm1Exception(Kpm1Error.KdfDowngrade);
        }

        var password = WrapPassword(Account, Vault, keys, mainPassword, iterations, Primitives.Random(Layout.SaltSize), Primitives.Random(Layout.NonceSize));
        return Of(Account, Vault, Rev + 1, KeyEpoch, password, Recovery, Devices, Epochs).ToBytes(keys.Account);
    }

    /// <summary>The keyset that begins the next epoch: wraps of its new AK for the main password, the recovery key and the devices that stay.</summary>
    /// <param name="next">The keys of the next epoch.</param>
    /// <param name="mainPassword">The main password; may be a new one.</param>
    /// <param name="iterations">PBKDF2 iterations; at least this keyset's.</param>
    /// <param name="recipients">The devices with their public ECDH keys.</param>
    /// <returns>The keyset as bytes.</returns>
    internal byte[] Rekeyed(VaultKeys next, string mainPassword, uint iterations, IEnumerable<(Guid Device, byte[] AgreementKey)> recipients)
    {
        if (iterations < Iterations)
        {
            throw new Kpm1Exception(Kpm1Error.KdfDowngrade);
        }

        var context = new WrapContext(WrapKind.Device, Account, Vault, next.Epoch);
        var password = WrapPassword(Account, Vault, next, mainPassword, iterations, Primitives.Random(Layout.SaltSize), Primitives.Random(Layout.NonceSize));
        var recovery = Recovery is null ? null : WrapTo(next, Recovery.Recipient, context with { Kind = WrapKind.Recovery });
        var devices = recipients
            .OrderBy(recipient => Convert.ToHexString(recipient.Device.ToByteArray(bigEndian: true)), StringComparer.Ordinal)
            .Select(recipient => WrapTo(next, recipient.AgreementKey, context with { Device = recipient.Device }));
        var epochs = next.Epochs.Keys.Select(epoch => WrapEpoch(Account, Vault, next, epoch, Primitives.Random(Layout.NonceSize)));
        return Of(Account, Vault, Rev + 1, next.Epoch, password, recovery, [.. devices], [.. epochs]).ToBytes(next.Account);
    }

    /// <summary>The same keyset as another revision; only who has its AK can make it.</summary>
    internal byte[] AtRev(ulong rev, AccountKey account) => Of(Account, Vault, rev, KeyEpoch, Password, Recovery, Devices, Epochs).ToBytes(account);

    /// <summary>Reads a keyset; nothing of it is authenticated until it is opened.</summary>
    /// <param name="bytes">The keyset.</param>
    /// <returns>The keyset.</returns>
    /// <exception cref="Kpm1Exception">STRUCTURE_INVALID or SUITE_UNKNOWN.</exception>
    public static KeysetEnvelope Parse(ReadOnlySpan<byte> bytes)
    {
        var reader = new SpanReader(bytes);
        reader.Prefix(Structure.Keyset);
        var account = reader.Id();
        var vault = reader.Id();
        var rev = reader.U64();
        var epoch = reader.U32();
        var password = new PasswordWrap(reader.U32(), reader.Copy(Layout.SaltSize), reader.Copy(Layout.NonceSize), reader.Copy(PasswordWrap.WrappedSize));
        var keyset = new KeysetEnvelope(password, ReadRecovery(ref reader), ReadDevices(ref reader), ReadEpochs(ref reader))
        {
            Account = account,
            Vault = vault,
            Rev = rev,
            KeyEpoch = epoch,
            Mac = reader.Copy(Layout.HashSize),
        };
        reader.End();
        Layout.Require(keyset.Rev >= 1 && keyset.Epochs[^1].KeyEpoch == keyset.KeyEpoch);
        return keyset;
    }

    /// <summary>Throws unless the keyset is the one that the header speaks of.</summary>
    /// <param name="header">The header of the KEYSET operation that carried it.</param>
    /// <exception cref="Kpm1Exception">KEYSET_MISMATCH.</exception>
    public void RequireHeader(OperationHeader header)
    {
        ArgumentNullException.ThrowIfNull(header);
        if (Account != header.Account || Vault != header.Vault || Rev != header.Rev || KeyEpoch != header.KeyEpoch)
        {
            throw new Kpm1Exception(Kpm1Error.KeysetMismatch);
        }
    }

    /// <summary>Opens the keyset with the main password.</summary>
    /// <param name="mainPassword">The main password.</param>
    /// <param name="leastIterations">The most iterations that this device has accepted for the vault; 0 for none.</param>
    /// <returns>The keys; the caller disposes them.</returns>
    /// <exception cref="Kpm1Exception">KDF_TOO_WEAK, KDF_TOO_STRONG, KDF_DOWNGRADE, PASSWORD_INVALID, PASSWORD_WRONG, KEYSET_MAC_INVALID or WRAP_INVALID.</exception>
    public VaultKeys Open(string mainPassword, uint leastIterations)
    {
        RequireIterations(leastIterations);
        var userKey = MainPassword.DeriveKey(mainPassword, Password.Salt, Password.Iterations);
        try
        {
            var aad = PasswordContext(Account, Vault, KeyEpoch, Password.Iterations, Password.Salt).ToBytes();
            return OpenWith(Primitives.Open(userKey, Password.Nonce, Password.Wrapped, aad, Kpm1Error.PasswordWrong));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(userKey);
        }
    }

    /// <summary>Opens the keyset with the key of a device that it has a wrap for.</summary>
    /// <param name="device">The device.</param>
    /// <param name="agreementKey">Its private ECDH key.</param>
    /// <returns>The keys; the caller disposes them.</returns>
    /// <exception cref="Kpm1Exception">WRAP_INVALID or KEYSET_MAC_INVALID.</exception>
    public VaultKeys OpenWithDevice(Guid device, ECDiffieHellman agreementKey)
    {
        ArgumentNullException.ThrowIfNull(agreementKey);
        var wrap = Devices.FirstOrDefault(wrap => wrap.Device == device) ?? throw new Kpm1Exception(Kpm1Error.WrapInvalid);
        return OpenWith(wrap.Open(agreementKey, new WrapContext(WrapKind.Device, Account, Vault, KeyEpoch) { Device = device }));
    }

    /// <summary>Opens the keyset with the recovery key.</summary>
    /// <param name="recoveryKey">The private recovery key.</param>
    /// <returns>The keys; the caller disposes them.</returns>
    /// <exception cref="Kpm1Exception">WRAP_INVALID or KEYSET_MAC_INVALID.</exception>
    public VaultKeys OpenWithRecovery(ECDiffieHellman recoveryKey)
    {
        ArgumentNullException.ThrowIfNull(recoveryKey);
        var wrap = Recovery ?? throw new Kpm1Exception(Kpm1Error.WrapInvalid);
        return OpenWith(wrap.Open(recoveryKey, new WrapContext(WrapKind.Recovery, Account, Vault, KeyEpoch)));
    }

    /// <summary>Checks a keyset that arrived in the log against keys that are open already.</summary>
    /// <param name="bytes">The keyset as it came.</param>
    /// <param name="header">The header that carried it.</param>
    /// <param name="keys">The open keys; a keyset of a later epoch has another AK and is only parsed and compared with its header.</param>
    /// <param name="leastIterations">The most iterations that this device has accepted for the vault.</param>
    /// <returns>The keyset.</returns>
    /// <exception cref="Kpm1Exception">What is wrong with it.</exception>
    public static KeysetEnvelope Verify(ReadOnlySpan<byte> bytes, OperationHeader header, VaultKeys keys, uint leastIterations)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var keyset = Parse(bytes);
        keyset.RequireHeader(header);
        keyset.RequireIterations(leastIterations);
        if (keyset.KeyEpoch == keys.Epoch)
        {
            keyset.RequireMac(keys.Account);
        }

        return keyset;
    }

    internal static PasswordWrap WrapPassword(Guid account, Guid vault, VaultKeys keys, string mainPassword, uint iterations, byte[] salt, byte[] nonce)
    {
        var userKey = MainPassword.DeriveKey(mainPassword, salt, iterations);
        try
        {
            var aad = PasswordContext(account, vault, keys.Epoch, iterations, salt).ToBytes();
            return new PasswordWrap(iterations, salt, nonce, Primitives.Seal(userKey, nonce, keys.Account.Key, aad));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(userKey);
        }
    }

    internal static EpochWrap WrapEpoch(Guid account, Guid vault, VaultKeys keys, uint epoch, byte[] nonce)
    {
        var inner = keys.Of(epoch);
        var aad = new WrapContext(WrapKind.Epoch, account, vault, epoch).ToBytes();
        byte[] plaintext = [.. inner.VaultKey, .. inner.DirectoryKey];
        try
        {
            return new EpochWrap(epoch, nonce, Primitives.Seal(keys.Account.WrapKey, nonce, plaintext, aad));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plaintext);
        }
    }

    internal static KeysetEnvelope Of(Guid account, Guid vault, ulong rev, uint epoch, PasswordWrap password, EcdhWrap? recovery, IReadOnlyList<EcdhWrap> devices, IReadOnlyList<EpochWrap> epochs) =>
        new(password, recovery, devices, epochs) { Account = account, Vault = vault, Rev = rev, KeyEpoch = epoch };

    internal byte[] ToBytes(AccountKey account)
    {
        var bytes = new byte[147 + (Recovery is null ? 0 : 190) + 2 + (206 * Devices.Count) + 2 + (96 * Epochs.Count) + Layout.HashSize];
        var writer = new SpanWriter(bytes);
        writer.Prefix(Structure.Keyset);
        writer.Id(Account);
        writer.Id(Vault);
        writer.U64(Rev);
        writer.U32(KeyEpoch);
        writer.U32(Password.Iterations);
        writer.Bytes(Password.Salt);
        writer.Bytes(Password.Nonce);
        writer.Bytes(Password.Wrapped);
        writer.U8(Recovery is null ? (byte)0 : (byte)1);
        if (Recovery is not null)
        {
            WriteEcdh(ref writer, Recovery);
        }

        writer.U16((ushort)Devices.Count);
        foreach (var device in Devices)
        {
            writer.Id(device.Device);
            WriteEcdh(ref writer, device);
        }

        writer.U16((ushort)Epochs.Count);
        foreach (var epoch in Epochs)
        {
            writer.U32(epoch.KeyEpoch);
            writer.Bytes(epoch.Nonce);
            writer.Bytes(epoch.Wrapped);
        }

        writer.Bytes(HMACSHA256.HashData(account.KeysetKey, bytes.AsSpan(0, writer.Position)));
        return bytes;
    }

    private static EcdhWrap WrapTo(VaultKeys keys, byte[] recipient, WrapContext context)
    {
        using var ephemeral = P256.NewAgreementKey();
        return EcdhWrap.Seal(keys.Account.Key, recipient, context, ephemeral, Primitives.Random(Layout.NonceSize));
    }

    private static WrapContext PasswordContext(Guid account, Guid vault, uint epoch, uint iterations, byte[] salt) =>
        new(WrapKind.Password, account, vault, epoch) { Iterations = iterations, Salt = salt };

    private static void WriteEcdh(ref SpanWriter writer, EcdhWrap wrap)
    {
        writer.Bytes(wrap.Recipient);
        writer.Bytes(wrap.Ephemeral);
        writer.Bytes(wrap.Nonce);
        writer.Bytes(wrap.Wrapped);
    }

    private static EcdhWrap ReadEcdh(ref SpanReader reader, Guid device)
    {
        var wrap = new EcdhWrap(device, reader.Copy(Layout.PublicKeySize), reader.Copy(Layout.PublicKeySize), reader.Copy(Layout.NonceSize), reader.Copy(PasswordWrap.WrappedSize));
        P256.RequirePoint(wrap.Recipient);
        P256.RequirePoint(wrap.Ephemeral);
        return wrap;
    }

    private static EcdhWrap? ReadRecovery(ref SpanReader reader)
    {
        var count = reader.U8();
        Layout.Require(count <= 1);
        return count == 0 ? null : ReadEcdh(ref reader, Guid.Empty);
    }

    private static EcdhWrap[] ReadDevices(ref SpanReader reader)
    {
        var count = reader.U16();
        Layout.Require(count <= MaxDevices);
        var devices = new EcdhWrap[count];
        ReadOnlySpan<byte> last = [];
        for (var i = 0; i < count; i++)
        {
            var id = reader.Bytes(16);
            Layout.Require(i == 0 || id.SequenceCompareTo(last) > 0);
            devices[i] = ReadEcdh(ref reader, new Guid(id, bigEndian: true));
            last = id;
        }

        return devices;
    }

    private static EpochWrap[] ReadEpochs(ref SpanReader reader)
    {
        var count = reader.U16();
        Layout.Require(count is >= 1 and <= MaxEpochs);
        var epochs = new EpochWrap[count];
        var last = 0u;
        for (var i = 0; i < count; i++)
        {
            var epoch = reader.U32();
            Layout.Require(epoch > last);
            epochs[i] = new EpochWrap(epoch, reader.Copy(Layout.NonceSize), reader.Copy(EpochWrap.WrappedSize));
            last = epoch;
        }

        return epochs;
    }

    private void RequireIterations(uint least)
    {
        MainPassword.RequireIterations(Iterations);
        if (Iterations < least)
        {
            throw new Kpm1Exception(Kpm1Error.KdfDowngrade);
        }
    }

    private void RequireMac(AccountKey account)
    {
        // The serialisation is canonical: what was parsed writes back to the same bytes.
        var expected = ToBytes(account).AsSpan(^Layout.HashSize..);
        if (!CryptographicOperations.FixedTimeEquals(expected, Mac))
        {
            throw new Kpm1Exception(Kpm1Error.KeysetMacInvalid);
        }
    }

    private VaultKeys OpenWith(byte[] accountKey)
    {
        var account = new AccountKey(accountKey);
        CryptographicOperations.ZeroMemory(accountKey);
        try
        {
            RequireMac(account);
            var epochs = Epochs.Select(wrap => KeyValuePair.Create(wrap.KeyEpoch, OpenEpoch(wrap, account))).ToList();
            if (!CryptographicOperations.FixedTimeEquals(epochs[^1].Value.DirectoryKey, account.DirectoryKey))
            {
                throw new Kpm1Exception(Kpm1Error.WrapInvalid);
            }

            return new VaultKeys(account, KeyEpoch, epochs);
        }
        catch (Kpm1Exception)
        {
            account.Dispose();
            throw;
        }
    }

    private EpochKeys OpenEpoch(EpochWrap wrap, AccountKey account)
    {
        var aad = new WrapContext(WrapKind.Epoch, Account, Vault, wrap.KeyEpoch).ToBytes();
        var keys = Primitives.Open(account.WrapKey, wrap.Nonce, wrap.Wrapped, aad, Kpm1Error.WrapInvalid);
        try
        {
            return new EpochKeys(keys[..Layout.KeySize], keys[Layout.KeySize..]);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(keys);
        }
    }
}
