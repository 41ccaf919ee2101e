using System.Buffers.Binary;
using System.Security.Cryptography;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>Where an account's log stands. Immutable: a step makes the next one.</summary>
internal sealed record VaultState
{
    public const int HashLength = SHA256.HashSizeInBytes;

    /// <summary>A vault that nothing was written to.</summary>
    public static VaultState Empty { get; } = new();

    public ulong Generation { get; init; } = 1;

    public uint KeyEpoch { get; init; } = 1;

    public ulong HeadSeq { get; init; }

    public ulong CompactedSeq { get; init; }

    /// <summary>The chain hash at the head; zeros for an empty log. Never changed in place.</summary>
    public byte[] ChainHash { get; init; } = new byte[HashLength];

    /// <summary>Items that are not deleted.</summary>
    public ulong Items { get; init; }

    /// <summary>Bytes of the envelopes that are kept.</summary>
    public ulong Bytes { get; init; }

    /// <summary>Bytes of attachments, begun uploads included.</summary>
    public ulong AttachmentBytes { get; init; }

    /// <summary>What counts for the quota of bytes.</summary>
    public ulong TotalBytes => Bytes + AttachmentBytes;

    /// <summary>h_n = SHA-256(h_{n-1} || n || SHA-256(header)).</summary>
    public static byte[] NextChainHash(ReadOnlySpan<byte> previous, ulong seq, ReadOnlySpan<byte> headerHash)
    {
        Span<byte> input = stackalloc byte[HashLength + sizeof(ulong) + HashLength];
        previous.CopyTo(input);
        BinaryPrimitives.WriteUInt64BigEndian(input[HashLength..], seq);
        headerHash.CopyTo(input[(HashLength + sizeof(ulong))..]);
        return SHA256.HashData(input);
    }
}

/// <summary>What the vault knows of a device that writes.</summary>
/// <param name="LastOpSeq">The greatest op_seq with a durable result; 0 before the first.</param>
/// <param name="Enrolled">The device has an entry in the device directory.</param>
internal readonly record struct DeviceState(ulong LastOpSeq, bool Enrolled);

/// <summary>The newest revision of an item, a directory entry or a keyset.</summary>
/// <param name="Rev">Its number.</param>
/// <param name="Kind">What made it; a DELETE is a tombstone.</param>
internal readonly record struct SubjectState(ulong Rev, OperationKind Kind);

/// <summary>How an operation ended.</summary>
internal enum OutcomeKind
{
    Applied = 1,
    Conflict = 2,
    Rejected = 3,
}

/// <summary>What became of an operation.</summary>
/// <param name="Kind">How it ended.</param>
/// <param name="Seq">The change that it made; 0 unless applied.</param>
/// <param name="Rev">The revision that it made, or that a conflict found; else 0.</param>
/// <param name="Reason">Why it was rejected.</param>
internal readonly record struct Outcome(OutcomeKind Kind, ulong Seq, ulong Rev, RejectionReason Reason)
{
    /// <summary>Of an applied operation: the vault is nearly full now. Told with each answer and not stored.</summary>
    public bool NearlyFull { get; init; }

    public static Outcome Applied(ulong seq, ulong rev) => new(OutcomeKind.Applied, seq, rev, RejectionReason.Unspecified);

    public static Outcome Conflict(ulong rev) => new(OutcomeKind.Conflict, 0, rev, RejectionReason.Unspecified);

    public static Outcome Rejected(RejectionReason reason) => new(OutcomeKind.Rejected, 0, 0, reason);
}

/// <summary>A durable result, as a repeated op_seq finds it.</summary>
internal readonly record struct StoredResult(byte[] HeaderHash, Outcome Outcome);
