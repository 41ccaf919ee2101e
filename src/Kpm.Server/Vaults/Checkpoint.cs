using System.Buffers.Binary;

namespace Kpm.Server.Vaults;

/// <summary>
/// A device's statement of what the vault is at a seq: the fixed layout of docs/crypto.md. The server compares it with its own
/// log, so that it never keeps one that clients would refuse for its content; the signature is for them to verify.
/// </summary>
internal readonly record struct Checkpoint
{
    public const int Length = 152;

    private const int IdLength = 16;
    private const byte Structure = 6;
    private const byte Suite = 1;

    public Guid AccountId { get; private init; }
    public Guid VaultId { get; private init; }
    public ulong Generation { get; private init; }
    public Guid DeviceId { get; private init; }
    public ulong Seq { get; private init; }
    public uint KeyEpoch { get; private init; }

    /// <summary>How many subjects there are: one leaf each.</summary>
    public ulong Leaves { get; private init; }

    public static ReadOnlySpan<byte> ChainHash(ReadOnlySpan<byte> bytes) => bytes.Slice(72, VaultState.HashLength);

    public static ReadOnlySpan<byte> Root(ReadOnlySpan<byte> bytes) => bytes.Slice(120, VaultState.HashLength);

    /// <summary>False where the bytes are no well-formed checkpoint.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Checkpoint checkpoint)
    {
        checkpoint = default;
        if (bytes.Length != Length
            || !bytes[..4].SequenceEqual("KPM1"u8)
            || bytes[4] != Structure
            || bytes[5] != Suite
            || bytes[6..8].ContainsAnyExcept((byte)0)
            || bytes[108..112].ContainsAnyExcept((byte)0))
        {
            return false;
        }

        checkpoint = new Checkpoint
        {
            AccountId = Ids.FromBytes(bytes.Slice(8, IdLength)),
            VaultId = Ids.FromBytes(bytes.Slice(24, IdLength)),
            Generation = BinaryPrimitives.ReadUInt64BigEndian(bytes[40..]),
            DeviceId = Ids.FromBytes(bytes.Slice(48, IdLength)),
            Seq = BinaryPrimitives.ReadUInt64BigEndian(bytes[64..]),
            KeyEpoch = BinaryPrimitives.ReadUInt32BigEndian(bytes[104..]),
            Leaves = BinaryPrimitives.ReadUInt64BigEndian(bytes[112..]),
        };
        return checkpoint.Generation is >= 1 and <= long.MaxValue
            && checkpoint.Seq is >= 1 and <= long.MaxValue
            && checkpoint.KeyEpoch >= 1
            && checkpoint.Leaves is >= 1 and <= long.MaxValue;
    }
}
