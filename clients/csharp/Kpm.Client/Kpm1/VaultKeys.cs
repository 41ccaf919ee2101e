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
    private volatile Held _held;
    private Held? _before;

    internal VaultKeys(AccountKey account, uint epoch, IEnumerable<KeyValuePair<uint, EpochKeys>> epochs)
    {
        var sorted = new SortedDictionary<uint, EpochKeys>();
        foreach (var (number, keys) in epochs)
        {
            sorted.Add(number, keys);
        }

        _held = new Held(account, epoch, sorted);
    }

    /// <summary>The current key epoch.</summary>
    public uint Epoch => _held.Epoch;

    internal AccountKey Account => _held.Account;

    internal IReadOnlyDictionary<uint, EpochKeys> Epochs => _held.Epochs;

    /// <summary>New keys for a new vault, epoch 1.</summary>
    /// <returns>The keys; the caller disposes them.</returns>
    public static VaultKeys Create() => Create(Primitives.Random(Layout.KeySize), Primitives.Random(Layout.KeySize));

    /// <inheritdoc/>
    public void Dispose()
    {
        Settle();
        var held = _held;
        held.Account.Dispose();
        foreach (var keys in held.Epochs.Values)
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

    /// <summary>The keys of the next epoch: a new AK and VK, and all earlier epochs.</summary>
    internal VaultKeys Next(byte[] accountKey, byte[] vaultKey)
    {
        var held = _held;
        var account = new AccountKey(accountKey);
        var epochs = held.Epochs.Select(epoch => KeyValuePair.Create(epoch.Key, new EpochKeys([.. epoch.Value.VaultKey], [.. epoch.Value.DirectoryKey])));
        return new VaultKeys(account, held.Epoch + 1, [.. epochs, new(held.Epoch + 1, new EpochKeys(vaultKey, [.. account.DirectoryKey]))]);
    }

    /// <summary>
    /// Goes on with the keys of a later epoch, which are this object's own from then on. They must hold what is known of earlier
    /// epochs: only who had the vault's keys before can have made them. Settle or Revert must follow, when it is known whether
    /// the transaction that brought them holds.
    /// </summary>
    internal void Adopt(VaultKeys later)
    {
        var (held, next) = (_held, later._held);
        var same = next.Epoch > held.Epoch && held.Epochs.All(known => next.Epochs.TryGetValue(known.Key, out var keys)
            && CryptographicOperations.FixedTimeEquals(keys.VaultKey, known.Value.VaultKey)
            && CryptographicOperations.FixedTimeEquals(keys.DirectoryKey, known.Value.DirectoryKey));
        if (!same)
        {
            throw new Kpm1Exception(Kpm1Error.WrapInvalid);
        }

        _before ??= held;
        _held = next;
    }

    /// <summary>What was adopted stays.</summary>
    internal void Settle()
    {
        _before?.Account.Dispose();
        _before = null;
    }

    /// <summary>What was adopted is given up.</summary>
    internal void Revert()
    {
        _held = _before ?? _held;
        _before = null;
    }

    internal EpochKeys Of(uint epoch) =>
        _held.Epochs.TryGetValue(epoch, out var keys) ? keys : throw new Kpm1Exception(Kpm1Error.KeyEpochUnknown);

    /// <summary>One object, so that a reader of another thread never sees half of a change.</summary>
    private sealed record Held(AccountKey Account, uint Epoch, SortedDictionary<uint, EpochKeys> Epochs);
}
