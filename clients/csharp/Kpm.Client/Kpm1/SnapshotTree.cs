using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Kpm.Client.Kpm1;

/// <summary>
/// The tree of a checkpoint over the newest revision of every subject. Takes the leaves one by one and keeps one node for
/// each level, however many there are.
/// </summary>
public sealed class SnapshotTree
{
    private const byte LeafMark = 0;
    private const byte NodeMark = 1;

    // The roots of the full subtrees so far, the largest first: as in a binary counter, no two have one height.
    private readonly Stack<(int Height, byte[] Hash)> _subtrees = [];
    private readonly byte[] _last = new byte[16];

    /// <summary>How many leaves there are.</summary>
    public ulong Count { get; private set; }

    /// <summary>SHA-256(0 || subject || rev || seq || SHA-256(header)).</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="rev">Its newest revision.</param>
    /// <param name="seq">That revision's place in the log.</param>
    /// <param name="headerHash">SHA-256 of its header.</param>
    /// <returns>32 bytes.</returns>
    public static byte[] Leaf(Guid subject, ulong rev, ulong seq, ReadOnlySpan<byte> headerHash)
    {
        Span<byte> input = stackalloc byte[1 + 16 + 8 + 8 + Layout.HashSize];
        input[0] = LeafMark;
        subject.TryWriteBytes(input[1..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64BigEndian(input[17..], rev);
        BinaryPrimitives.WriteUInt64BigEndian(input[25..], seq);
        headerHash.CopyTo(input[33..]);
        return SHA256.HashData(input);
    }

    /// <summary>Adds the next leaf.</summary>
    /// <param name="subject">The subject; above the one before in the order of its 16 bytes.</param>
    /// <param name="rev">Its newest revision.</param>
    /// <param name="seq">That revision's place in the log.</param>
    /// <param name="headerHash">SHA-256 of its header.</param>
    /// <exception cref="Kpm1Exception">CHECKPOINT_MISMATCH: the subject is not above the one before.</exception>
    public void Add(Guid subject, ulong rev, ulong seq, ReadOnlySpan<byte> headerHash)
    {
        Span<byte> id = stackalloc byte[16];
        subject.TryWriteBytes(id, bigEndian: true, out _);
        if (Count > 0 && id.SequenceCompareTo(_last) <= 0)
        {
            throw new Kpm1Exception(Kpm1Error.CheckpointMismatch);
        }

        id.CopyTo(_last);
        Count++;
        var (height, hash) = (0, Leaf(subject, rev, seq, headerHash));
        while (_subtrees.TryPeek(out var left) && left.Height == height)
        {
            hash = Node(_subtrees.Pop().Hash, hash);
            height++;
        }

        _subtrees.Push((height, hash));
    }

    /// <summary>The root; more leaves may follow.</summary>
    /// <returns>32 bytes.</returns>
    /// <exception cref="InvalidOperationException">There is no leaf.</exception>
    public byte[] Root()
    {
        byte[]? root = null;
        foreach (var (_, hash) in _subtrees)
        {
            root = root is null ? hash : Node(hash, root);
        }

        return root ?? throw new InvalidOperationException("A tree without leaves has no root.");
    }

    private static byte[] Node(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> input = stackalloc byte[1 + (2 * Layout.HashSize)];
        input[0] = NodeMark;
        left.CopyTo(input[1..]);
        right.CopyTo(input[(1 + Layout.HashSize)..]);
        return SHA256.HashData(input);
    }
}
