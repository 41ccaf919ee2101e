using Google.Protobuf;
using Kpm.V1;

namespace Kpm.Client.Kpm1;

/// <summary>A row of a snapshot that a device of the vault has signed; what the whole is worth, only the end tells.</summary>
/// <param name="Row">The row as it came.</param>
/// <param name="Header">Its header.</param>
/// <param name="HeaderHash">SHA-256 of the header.</param>
/// <param name="Device">The directory entry that it is; null for other kinds.</param>
/// <param name="Revocation">The revocation that it is; null for other kinds.</param>
public sealed record VerifiedRow(Change Row, OperationHeader Header, byte[] HeaderHash, DirectoryEntry? Device, DeviceRevocation? Revocation);

/// <summary>The newest revision of a subject.</summary>
/// <param name="Subject">The subject.</param>
/// <param name="Rev">Its revision.</param>
/// <param name="Seq">That revision's place in the log.</param>
/// <param name="HeaderHash">SHA-256 of its header.</param>
public sealed record SnapshotLeaf(Guid Subject, ulong Rev, ulong Seq, ReadOnlyMemory<byte> HeaderHash);

/// <summary>
/// Checks a snapshot in the order of docs/crypto.md, "Checkpoint": row by row as they come, then the whole. Keeps the device
/// directory and the keyset; the rows are the caller's.
/// </summary>
public sealed class SnapshotVerifier : IDirectoryView
{
    private readonly LogVerifier _verifier;
    private readonly uint _leastIterations;
    private readonly ByteString _signed;
    private readonly ByteString _signature;
    private readonly Dictionary<Guid, KnownDevice> _devices = [];
    private ulong _lastSeq;
    private ulong _count;
    private VerifiedRow? _keysetRow;

    /// <summary>Checks the checkpoint alone; what it states is not believed before Finish.</summary>
    /// <param name="verifier">The vault's verifier.</param>
    /// <param name="account">The session's account.</param>
    /// <param name="generation">The generation that the person has accepted.</param>
    /// <param name="leastIterations">The most PBKDF2 iterations accepted so far.</param>
    /// <param name="begin">What the server sent first.</param>
    /// <exception cref="Kpm1Exception">STRUCTURE_INVALID, SUITE_UNKNOWN, WRONG_VAULT, GENERATION_CHANGED or SEQ_GAP.</exception>
    public SnapshotVerifier(LogVerifier verifier, Guid account, ulong generation, uint leastIterations, SnapshotBegin begin)
    {
        ArgumentNullException.ThrowIfNull(begin);
        _verifier = verifier;
        _leastIterations = leastIterations;
        (_signed, _signature) = (begin.Checkpoint, begin.Signature);
        (Account, Generation) = (account, generation);
        Checkpoint = Checkpoint.Parse(begin.Checkpoint.Span);
        LogVerifier.Require(Checkpoint.Account == account && Checkpoint.Vault == account, Kpm1Error.WrongVault);
        LogVerifier.Require(Checkpoint.Generation <= generation, Kpm1Error.GenerationChanged);
        LogVerifier.Require(Checkpoint.Seq == begin.AsOf && Checkpoint.Leaves == begin.Rows, Kpm1Error.SeqGap);
    }

    /// <summary>What a device of the vault claims to have signed.</summary>
    public Checkpoint Checkpoint { get; }

    /// <inheritdoc/>
    public Guid Account { get; }

    /// <inheritdoc/>
    public ulong Generation { get; }

    /// <inheritdoc/>
    public ulong LastGeneration { get; private set; }

    /// <summary>The directory as the rows so far make it.</summary>
    public IReadOnlyDictionary<Guid, KnownDevice> Devices => _devices;

    /// <inheritdoc/>
    public KnownDevice? Device(Guid device) => _devices.GetValueOrDefault(device);

    /// <summary>Checks the next row.</summary>
    /// <param name="row">The row as it came from the server.</param>
    /// <returns>The row, for the caller to keep apart until Finish.</returns>
    /// <exception cref="Kpm1Exception">Why the snapshot must not be used.</exception>
    public VerifiedRow Add(Change row)
    {
        ArgumentNullException.ThrowIfNull(row);
        LogVerifier.Require(row.Seq > _lastSeq && row.Seq <= Checkpoint.Seq && _count < Checkpoint.Leaves, Kpm1Error.SeqGap);
        var signed = _verifier.VerifySigned(row, this);
        var header = signed.Header;
        var verified = new VerifiedRow(row, header, signed.HeaderHash, signed.Device, signed.Revocation);
        var author = signed.Author ?? new KnownDevice(signed.Device!.SigningKey, 0, 0, 0);
        _devices[header.Device] = header.OpSeq > author.LastOpSeq
            ? author with { LastOpSeq = header.OpSeq, ObservedSeq = header.ObservedSeq, Generation = header.Generation }
            : author;
        if (signed.Revocation is { } revocation)
        {
            _devices[revocation.Device] = _devices[revocation.Device] with { Revoked = true };
        }

        if (header.Kind == OperationKind.Keyset)
        {
            _keysetRow = verified;
        }

        (_lastSeq, LastGeneration) = (row.Seq, header.Generation);
        _count++;
        return verified;
    }

    /// <summary>Checks the whole: all rows, the root, and who signed it.</summary>
    /// <param name="leaves">The rows, ascending in the 16 bytes of the subject.</param>
    /// <returns>The keyset of the snapshot; null where it is superseded.</returns>
    /// <exception cref="Kpm1Exception">Why the snapshot must not be used.</exception>
    public KeysetEnvelope? Finish(IEnumerable<SnapshotLeaf> leaves)
    {
        ArgumentNullException.ThrowIfNull(leaves);
        LogVerifier.Require(_count == Checkpoint.Leaves, Kpm1Error.SeqGap);
        var tree = new SnapshotTree();
        foreach (var leaf in leaves)
        {
            tree.Add(leaf.Subject, leaf.Rev, leaf.Seq, leaf.HeaderHash.Span);
        }

        LogVerifier.Require(tree.Count == Checkpoint.Leaves && tree.Root().AsSpan().SequenceEqual(Checkpoint.Root.Span), Kpm1Error.CheckpointMismatch);
        var author = Device(Checkpoint.Device) ?? throw new Kpm1Exception(Kpm1Error.DeviceUnknown);
        LogVerifier.Require(!author.Revoked, Kpm1Error.DeviceRevoked);
        _verifier.RequireSignature(Checkpoint.Device, author.SigningKey, _signed.Span, _signature.Span);
        return _keysetRow is { } keyset ? _verifier.VerifyKeyset(keyset.Row, keyset.Header, _leastIterations) : null;
    }

    /// <summary>Throws unless the snapshot has at least what the device knew of a subject.</summary>
    /// <param name="known">What the device knew.</param>
    /// <param name="shown">What the snapshot has; null for nothing.</param>
    /// <exception cref="Kpm1Exception">ROLLBACK.</exception>
    public static void RequireNoRollback(SnapshotLeaf known, SnapshotLeaf? shown)
    {
        ArgumentNullException.ThrowIfNull(known);
        LogVerifier.Require(
            shown is not null && (shown.Rev > known.Rev || (shown.Rev == known.Rev && shown.HeaderHash.Span.SequenceEqual(known.HeaderHash.Span))),
            Kpm1Error.Rollback);
    }
}
