using System.Security.Cryptography;

namespace Kpm.Client.Kpm1;

/// <summary>What ends a device's part in the log, structure 7 of docs/crypto.md.</summary>
public sealed record DeviceRevocation
{
    /// <summary>Bytes of a revocation.</summary>
    public const int Size = 88;

    private const int MacedSize = 56;

    /// <summary>The account.</summary>
    public required Guid Account { get; init; }

    /// <summary>The vault.</summary>
    public required Guid Vault { get; init; }

    /// <summary>The device that is revoked.</summary>
    public required Guid Device { get; init; }

    /// <summary>The MAC as it came, 32 bytes.</summary>
    internal ReadOnlyMemory<byte> Mac { get; init; }

    /// <summary>Reads a revocation; nothing of it is authenticated yet.</summary>
    /// <param name="bytes">88 bytes.</param>
    /// <returns>The revocation.</returns>
    /// <exception cref="Kpm1Exception">STRUCTURE_INVALID or SUITE_UNKNOWN.</exception>
    public static DeviceRevocation Parse(ReadOnlySpan<byte> bytes)
    {
        Layout.Require(bytes.Length == Size);
        var reader = new SpanReader(bytes);
        reader.Prefix(Structure.DeviceRevocation);
        reader.Zero(2);
        var revocation = new DeviceRevocation
        {
            Account = reader.Id(),
            Vault = reader.Id(),
            Device = reader.Id(),
            Mac = reader.Copy(Layout.HashSize),
        };
        reader.End();
        return revocation;
    }

    /// <summary>Writes the revocation with its MAC.</summary>
    /// <param name="keys">The vault's keys.</param>
    /// <param name="keyEpoch">The key epoch of the header that carries it.</param>
    /// <returns>88 bytes.</returns>
    /// <exception cref="Kpm1Exception">KEY_EPOCH_UNKNOWN.</exception>
    public byte[] ToBytes(VaultKeys keys, uint keyEpoch)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var bytes = new byte[Size];
        var writer = new SpanWriter(bytes);
        writer.Prefix(Structure.DeviceRevocation);
        writer.Skip(2);
        writer.Id(Account);
        writer.Id(Vault);
        writer.Id(Device);
        HMACSHA256.HashData(keys.Of(keyEpoch).DirectoryKey, bytes.AsSpan(0, MacedSize), bytes.AsSpan(MacedSize));
        return bytes;
    }

    internal void RequireMac(VaultKeys keys, uint keyEpoch)
    {
        if (!CryptographicOperations.FixedTimeEquals(ToBytes(keys, keyEpoch).AsSpan(MacedSize), Mac.Span))
        {
            throw new Kpm1Exception(Kpm1Error.DirectoryMacInvalid);
        }
    }
}
