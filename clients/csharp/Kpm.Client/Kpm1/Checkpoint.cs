namespace Kpm.Client.Kpm1;

/// <summary>A device's statement of what the vault is at a seq, structure 6 of docs/crypto.md.</summary>
public sealed record Checkpoint
{
    /// <summary>Bytes of a checkpoint.</summary>
    public const int Size = 152;

    /// <summary>The account.</summary>
    public required Guid Account { get; init; }

    /// <summary>The vault.</summary>
    public required Guid Vault { get; init; }

    /// <summary>The vault's generation, from 1.</summary>
    public required ulong Generation { get; init; }

    /// <summary>The author.</summary>
    public required Guid Device { get; init; }

    /// <summary>The entry of the log that it speaks of, from 1.</summary>
    public required ulong Seq { get; init; }

    /// <summary>The chain hash at that entry, 32 bytes.</summary>
    public required ReadOnlyMemory<byte> ChainHash { get; init; }

    /// <summary>The key epoch at that entry, from 1.</summary>
    public required uint KeyEpoch { get; init; }

    /// <summary>How many subjects there are, from 1.</summary>
    public required ulong Leaves { get; init; }

    /// <summary>The root of the tree over them, 32 bytes.</summary>
    public required ReadOnlyMemory<byte> Root { get; init; }

    /// <summary>Reads a checkpoint; nothing of it is authenticated yet.</summary>
    /// <param name="bytes">152 bytes.</param>
    /// <returns>The checkpoint; it is well-formed.</returns>
    /// <exception cref="Kpm1Exception">STRUCTURE_INVALID or SUITE_UNKNOWN.</exception>
    public static Checkpoint Parse(ReadOnlySpan<byte> bytes)
    {
        Layout.Require(bytes.Length == Size);
        var reader = new SpanReader(bytes);
        reader.Prefix(Structure.Checkpoint);
        reader.Zero(2);
        var (account, vault) = (reader.Id(), reader.Id());
        var generation = reader.U64();
        var device = reader.Id();
        var seq = reader.U64();
        var chainHash = reader.Copy(Layout.HashSize);
        var epoch = reader.U32();
        reader.Zero(4);
        var checkpoint = new Checkpoint
        {
            Account = account,
            Vault = vault,
            Generation = generation,
            Device = device,
            Seq = seq,
            ChainHash = chainHash,
            KeyEpoch = epoch,
            Leaves = reader.U64(),
            Root = reader.Copy(Layout.HashSize),
        };
        reader.End();
        checkpoint.RequireWellFormed();
        return checkpoint;
    }

    /// <summary>Writes the checkpoint.</summary>
    /// <returns>The 152 bytes to sign.</returns>
    /// <exception cref="Kpm1Exception">STRUCTURE_INVALID: the fields make no well-formed checkpoint.</exception>
    public byte[] ToBytes()
    {
        RequireWellFormed();
        var bytes = new byte[Size];
        var writer = new SpanWriter(bytes);
        writer.Prefix(Structure.Checkpoint);
        writer.Skip(2);
        writer.Id(Account);
        writer.Id(Vault);
        writer.U64(Generation);
        writer.Id(Device);
        writer.U64(Seq);
        writer.Bytes(ChainHash.Span);
        writer.U32(KeyEpoch);
        writer.Skip(4);
        writer.U64(Leaves);
        writer.Bytes(Root.Span);
        return bytes;
    }

    private void RequireWellFormed()
    {
        Layout.Require(Generation is >= 1 and <= long.MaxValue && Seq is >= 1 and <= long.MaxValue && KeyEpoch >= 1);
        Layout.Require(Leaves >= 1 && Leaves <= Seq);
        Layout.Require(ChainHash.Length == Layout.HashSize && Root.Length == Layout.HashSize);
    }
}
