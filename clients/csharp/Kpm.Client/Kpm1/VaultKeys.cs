using System.Security.Cryptography;

namespace Kpm.Client.Kpm1;

/// <summary>AK's subkeys. AK itself is never used.</summary>
internal sealed class AccountKey : IDisposable
{
    public AccountKey(ReadOnlySpan<byte> key)
    {
        Layout.Require(key.Length == Layout.KeySize);
        Key = key.ToArray();
        WrapKey = Primitives.Hkdf(Key, [], "KPM1 AK wrap"u8);
        DirectoryKey = Primitives.Hkdf(Key, [], "KPM1 AK directory"u8);
        KeysetKey = Primitives.Hkdf(Key, [], "KPM1 AK keyset"u8);
        LocalKey = Primitives.Hkdf(Key, [], "KPM1 AK local"u8);
    }

    public byte[] Key { get; }

    public byte[] WrapKey { get; }

    public byte[] DirectoryKey { get; }

    public byte[] KeysetKey { get; }

    public byte[] LocalKey { get; }

    public void Dispose()
    {
        foreach (var key in new[] { Key, WrapKey, DirectoryKey, KeysetKey, LocalKey })
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }
}

/// <summary>The keys of one epoch: what encrypts items, and what MACs directory entries.</summary>
internal sealed record EpochKeys(byte[] VaultKey, byte[] DirectoryKey);

/// <summary>An open vault's keys, in memory only. Disposing clears them.</summary>
public sealed class VaultKeys : IDisposable
{
    private readonly SortedDictionary<uint, EpochKeys> _epochs;

    internal VaultKeys(AccountKey account, uint epoch, IEnumerable<KeyValuePair<uint, EpochKeys>> epochs)
    {
        Account = account;
        Epoch = epoch;
        _epochs = [];
        foreach (var (number, keys) in epochs)
        {
            _epochs.Add(number, keys);
        }
    }

    /// <summary>The current key epoch.</summary>
    public uint Epoch { get; }

    internal AccountKey Account { get; }

    internal IReadOnlyDictionary<uint, EpochKeys> Epochs => _epochs;

    /// <summary>New keys for a new vault, epoch 1.</summary>
    /// <returns>The keys; the caller disposes them.</returns>
    public static VaultKeys Create() => Create(Primitives.Random(Layout.KeySize), Primitives.Random(Layout.KeySize));

    /// <inheritdoc/>
    public void Dispose()
    {
        Account.Dispose();
        foreach (var keys in _epochs.Values)
        {
            CryptographicOperations.ZeroMemory(keys.VaultKey);
            CryptographicOperations.ZeroMemory(keys.DirectoryKey);
        }
    }

    internal static VaultKeys Create(byte[] accountKey, byte[] vaultKey)
    {
        var account = new AccountKey(accountKey);
        return new VaultKeys(account, 1, [new(1, new EpochKeys(vaultKey, [.. account.DirectoryKey]))]);
    }

    internal EpochKeys Of(uint epoch) =>
        _epochs.TryGetValue(epoch, out var keys) ? keys : throw new Kpm1Exception(Kpm1Error.KeyEpochUnknown);
}
