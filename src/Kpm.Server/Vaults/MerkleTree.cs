using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Kpm.Server.Vaults;

/// <summary>
/// The root over a vault's subjects (docs/crypto.md), from leaves that come one after the other: it keeps one node for each
/// level, so that a large vault costs no more memory than a small one.
/// </summary>
internal sealed class MerkleTree
{
    private const byte LeafPrefix = 0;
    private const byte NodePrefix = 1;

    // Whole subtrees, the largest first; their sizes are the bits of Leaves.
    private readonly List<byte[]> _peaks = [];

    public ulong Leaves { get; private set; }

    /// <summary>In ascending order of the subject's bytes.</summary>
    public void Add(in SubjectLeaf leaf)
    {
        Span<byte> input = stackalloc byte[1 + 16 + sizeof(ulong) + sizeof(ulong) + VaultState.HashLength];
        input[0] = LeafPrefix;
        leaf.SubjectId.TryWriteBytes(input[1..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64BigEndian(input[17..], leaf.Rev);
        BinaryPrimitives.WriteUInt64BigEndian(input[25..], leaf.Seq);
        leaf.HeaderHash.CopyTo(input[33..]);

        var node = SHA256.HashData(input);
        for (var size = Leaves; (size & 1) == 1; size >>= 1)
        {
            node = Join(_peaks[^1], node);
            _peaks.RemoveAt(_peaks.Count - 1);
        }

        _peaks.Add(node);
        Leaves++;
    }

    /// <summary>A node without a partner goes up unchanged: the subtrees are joined from the smallest on.</summary>
    public byte[] Root()
    {
        var root = _peaks[^1];
        for (var i = _peaks.Count - 2; i >= 0; i--)
        {
            root = Join(_peaks[i], root);
        }

        return root;
    }

    private static byte[] Join(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> input = stackalloc byte[1 + (2 * VaultState.HashLength)];
        input[0] = NodePrefix;
        left.CopyTo(input[1..]);
        right.CopyTo(input[(1 + VaultState.HashLength)..]);
        return SHA256.HashData(input);
    }
}

/// <summary>The newest revision of a subject at or below a seq.</summary>
/// <param name="SubjectId">The item, device, vault or revocation.</param>
/// <param name="Rev">Its revision.</param>
/// <param name="Seq">The revision's place in the log.</param>
/// <param name="HeaderHash">SHA-256 of its header.</param>
internal readonly record struct SubjectLeaf(Guid SubjectId, ulong Rev, ulong Seq, byte[] HeaderHash);
