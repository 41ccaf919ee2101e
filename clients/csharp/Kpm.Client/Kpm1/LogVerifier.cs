using System.Buffers.Binary;
using System.Security.Cryptography;
using Kpm.V1;

namespace Kpm.Client.Kpm1;

/// <summary>The chain over the headers of a log.</summary>
public static class LogChain
{
    /// <summary>The hash before the first entry: 32 zero bytes.</summary>
    /// <returns>32 bytes.</returns>
    public static byte[] Start() => new byte[Layout.HashSize];

    /// <summary>h_n = SHA-256(h_{n-1} || u64 n || SHA-256(header)).</summary>
    /// <param name="previous">h_{n-1}, 32 bytes.</param>
    /// <param name="seq">n.</param>
    /// <param name="header">The entry's header.</param>
    /// <returns>h_n, 32 bytes.</returns>
    public static byte[] Next(ReadOnlySpan<byte> previous, ulong seq, ReadOnlySpan<byte> header)
    {
        Span<byte> input = stackalloc byte[Layout.HashSize + 8 + Layout.HashSize];
        previous.CopyTo(input);
        BinaryPrimitives.WriteUInt64BigEndian(input[Layout.HashSize..], seq);
        SHA256.HashData(header, input[(Layout.HashSize + 8)..]);
        return SHA256.HashData(input);
    }
}

/// <summary>What a client holds of a subject.</summary>
/// <param name="Kind">What wrote it last; DELETE for a deleted item.</param>
/// <param name="Rev">Its revision.</param>
public sealed record KnownSubject(OperationKind Kind, ulong Rev);

/// <summary>What a client holds of a device of the directory.</summary>
/// <param name="SigningKey">65 bytes.</param>
/// <param name="LastOpSeq">The last operation number of it in the log.</param>
/// <param name="ObservedSeq">The greatest seq that it has named as observed.</param>
/// <param name="Generation">The generation of that observation.</param>
/// <param name="Revoked">An entry of the log has revoked it.</param>
public sealed record KnownDevice(ReadOnlyMemory<byte> SigningKey, ulong LastOpSeq, ulong ObservedSeq, ulong Generation, bool Revoked = false);

/// <summary>Who may write, as far as a client has verified: what entries of the log and rows of a snapshot are both checked against.</summary>
public interface IDirectoryView
{
    /// <summary>The account; the vault's id too.</summary>
    Guid Account { get; }

    /// <summary>The generation of the last entry; 0 for an empty log.</summary>
    ulong LastGeneration { get; }

    /// <summary>The vault's generation, as the person has accepted it.</summary>
    ulong Generation { get; }

    /// <summary>What the copy has of a device.</summary>
    /// <param name="device">The device.</param>
    /// <returns>Null when it is not in the directory.</returns>
    KnownDevice? Device(Guid device);
}

/// <summary>The client's own verified copy of the log, as far as checking the next entry needs it.</summary>
public interface ILogView : IDirectoryView
{
    /// <summary>The last verified seq; 0 for an empty log.</summary>
    ulong Seq { get; }

    /// <summary>The seq of the snapshot that the copy began with; 0 for a copy of the whole log.</summary>
    ulong SnapshotSeq { get; }

    /// <summary>The chain hash at that seq; zeros for an empty log.</summary>
    ReadOnlyMemory<byte> ChainHash { get; }

    /// <summary>The key epoch at the end of the copy; 1 for an empty log.</summary>
    uint KeyEpoch { get; }

    /// <summary>The most PBKDF2 iterations accepted so far; 0 for none.</summary>
    uint LeastIterations { get; }

    /// <summary>The chain hash at an earlier seq.</summary>
    /// <param name="seq">1 to Seq.</param>
    /// <returns>32 bytes; null only for a seq below SnapshotSeq that the device never verified.</returns>
    ReadOnlyMemory<byte>? ChainHashAt(ulong seq);

    /// <summary>What the copy has of a subject.</summary>
    /// <param name="subject">The subject.</param>
    /// <returns>Null when it has never been written.</returns>
    KnownSubject? Subject(Guid subject);

    /// <summary>Whether this device made the operation.</summary>
    /// <param name="header">The operation; its author is this device or another.</param>
    /// <param name="headerHash">SHA-256 of the header.</param>
    /// <returns>True also for every operation of another device.</returns>
    bool KnowsOperation(OperationHeader header, ReadOnlySpan<byte> headerHash);
}

/// <summary>An entry that passed every check.</summary>
/// <param name="Change">The entry as it came.</param>
/// <param name="Header">Its header.</param>
/// <param name="ChainHash">The chain hash after it, 32 bytes.</param>
/// <param name="Device">The directory entry that it adds; null for other kinds.</param>
/// <param name="Keyset">The keyset that it brings; null for other kinds and where it is superseded.</param>
/// <param name="Revocation">The revocation that it is; null for other kinds.</param>
public sealed record VerifiedChange(Change Change, OperationHeader Header, byte[] ChainHash, DirectoryEntry? Device, KeysetEnvelope? Keyset, DeviceRevocation? Revocation);

/// <summary>An entry of which rules 2 to 8 of the log hold: it is what a device of the vault has signed, but its place is not checked.</summary>
internal sealed record SignedEntry(OperationHeader Header, byte[] HeaderHash, KnownDevice? Author, DirectoryEntry? Device, DeviceRevocation? Revocation);

/// <summary>Checks entries of the log in the order of docs/crypto.md, "Log". Keeps nothing but parsed public keys.</summary>
public sealed class LogVerifier : IDisposable
{
    private readonly VaultKeys _keys;
    private readonly Dictionary<Guid, (byte[] Bytes, ECDsa Key)> _signingKeys = [];

    /// <summary>A verifier for an open vault.</summary>
    /// <param name="keys">The vault's keys; the caller disposes them, later than the verifier.</param>
    public LogVerifier(VaultKeys keys) => _keys = keys;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, key) in _signingKeys.Values)
        {
            key.Dispose();
        }
    }

    /// <summary>Checks the next entry.</summary>
    /// <param name="change">The entry as it came from the server.</param>
    /// <param name="log">The copy that it must continue.</param>
    /// <returns>The entry, for the caller to add to its copy.</returns>
    /// <exception cref="Kpm1Exception">Why it must not be added.</exception>
    public VerifiedChange Verify(Change change, ILogView log)
    {
        ArgumentNullException.ThrowIfNull(change);
        ArgumentNullException.ThrowIfNull(log);
        Require(change.Seq == log.Seq + 1, Kpm1Error.SeqGap);
        var signed = VerifySigned(change, log);
        var (header, author) = (signed.Header, signed.Author);
        Require(author is null || header.OpSeq > author.LastOpSeq, Kpm1Error.OpSeqNotRising);
        RequireRevision(header, log);
        Require(header.KeyEpoch == log.KeyEpoch || (header.Kind == OperationKind.Keyset && header.KeyEpoch == log.KeyEpoch + 1), Kpm1Error.EpochMismatch);
        RequireObservation(header, author, log);
        var keyset = VerifyKeyset(change, header, log.LeastIterations);
        Require(log.KnowsOperation(header, signed.HeaderHash), Kpm1Error.OwnOperationUnknown);
        return new VerifiedChange(change, header, LogChain.Next(log.ChainHash.Span, change.Seq, change.Header.Span), signed.Device, keyset, signed.Revocation);
    }

    /// <summary>Rules 2 to 8: the entry is what a device of the directory has signed.</summary>
    internal SignedEntry VerifySigned(Change change, IDirectoryView directory)
    {
        var bytes = change.Header.Span;
        var header = OperationHeader.Parse(bytes);
        Require(
            header.Kind == change.Kind && header.Rev == change.Rev && Guid.TryParseExact(change.SubjectId, "D", out var subject) && subject == header.Subject,
            Kpm1Error.HeaderMismatch);
        Require(header.Account == directory.Account && header.Vault == directory.Account, Kpm1Error.WrongVault);
        Require(header.Generation >= directory.LastGeneration && header.Generation <= directory.Generation, Kpm1Error.GenerationChanged);
        RequireEnvelope(change, header);
        DirectoryEntry? entry = null;
        DeviceRevocation? revocation = null;
        KnownDevice? author = null;
        if (header.Kind == OperationKind.DeviceKey)
        {
            entry = RequireEntry(change, header, directory);
        }
        else
        {
            author = directory.Device(header.Device) ?? throw new Kpm1Exception(Kpm1Error.DeviceUnknown);
            Require(!author.Revoked, Kpm1Error.DeviceRevoked);
            revocation = header.Kind == OperationKind.DeviceRevocation ? RequireRevocation(change, header, directory) : null;
        }

        RequireSignature(header.Device, entry?.SigningKey ?? author!.SigningKey, bytes, change.Signature.Span);
        return new SignedEntry(header, SHA256.HashData(bytes), author, entry, revocation);
    }

    /// <summary>Rule 13, as far as the client has AK; null for other kinds and a superseded keyset.</summary>
    internal KeysetEnvelope? VerifyKeyset(Change change, OperationHeader header, uint leastIterations) => header.Kind == OperationKind.Keyset && !change.Superseded
        ? KeysetEnvelope.Verify(change.Envelope.Span, header, _keys, leastIterations)
        : null;

    /// <summary>Throws SIGNATURE_INVALID unless the device has signed the bytes.</summary>
    internal void RequireSignature(Guid device, ReadOnlyMemory<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        Require(P256.Verify(SigningKey(device, publicKey), data, signature), Kpm1Error.SignatureInvalid);

    internal static void Require(bool condition, Kpm1Error error)
    {
        if (!condition)
        {
            throw new Kpm1Exception(error);
        }
    }

    private static void RequireEnvelope(Change change, OperationHeader header)
    {
        if (!change.Superseded)
        {
            ItemEnvelope.RequireHash(change.Envelope.Span, header);
            return;
        }

        // A directory entry and a revocation have one revision each, so nothing can supersede them.
        Require(change.Envelope.IsEmpty && header.Kind is not (OperationKind.DeviceKey or OperationKind.DeviceRevocation), Kpm1Error.EnvelopeHashMismatch);
    }

    private DirectoryEntry RequireEntry(Change change, OperationHeader header, IDirectoryView directory)
    {
        var entry = DirectoryEntry.Parse(change.Envelope.Span);
        Require(
            entry.Account == header.Account && entry.Vault == header.Vault && entry.Device == header.Device && entry.KeyEpoch == header.KeyEpoch,
            Kpm1Error.HeaderMismatch);
        Require(directory.Device(entry.Device) is null, Kpm1Error.DeviceDuplicate);
        Require(entry.Enrolment == Enrolment.Root == (change.Seq == 1), Kpm1Error.RootInvalid);
        if (entry.Enrolment == Enrolment.Approved)
        {
            var approver = directory.Device(entry.Approver);
            Require(approver is { Revoked: false }, Kpm1Error.ApprovalInvalid);
            entry.RequireApproval(approver!.SigningKey.Span);
        }

        entry.RequireMac(_keys);
        return entry;
    }

    private DeviceRevocation RequireRevocation(Change change, OperationHeader header, IDirectoryView directory)
    {
        var revocation = DeviceRevocation.Parse(change.Envelope.Span);
        Require(revocation.Account == header.Account && revocation.Vault == header.Vault, Kpm1Error.HeaderMismatch);
        Require(revocation.Device != header.Device && directory.Device(revocation.Device) is { Revoked: false }, Kpm1Error.RevocationInvalid);
        revocation.RequireMac(_keys, header.KeyEpoch);
        return revocation;
    }

    private static void RequireRevision(OperationHeader header, ILogView log)
    {
        var known = log.Subject(header.Subject);
        Require(header.BaseRev == (known?.Rev ?? 0), Kpm1Error.RevMismatch);
        if (known is not null)
        {
            var item = known.Kind is OperationKind.Put or OperationKind.Delete;
            Require(header.Kind is OperationKind.Put or OperationKind.Delete ? item : header.Kind == known.Kind, Kpm1Error.RevMismatch);
            Require(header.Kind != OperationKind.Delete || known.Kind != OperationKind.Delete, Kpm1Error.RevMismatch);
        }
    }

    private static void RequireObservation(OperationHeader header, KnownDevice? author, ILogView log)
    {
        Require(header.ObservedSeq <= log.Seq, Kpm1Error.ObservationMismatch);
        if (header.ObservedSeq > 0)
        {
            // What lies below a snapshot was never seen, so it can't be compared.
            var own = log.ChainHashAt(header.ObservedSeq);
            Require(own is { } hash ? header.ObservedHash.Span.SequenceEqual(hash.Span) : header.ObservedSeq < log.SnapshotSeq, Kpm1Error.ObservationMismatch);
        }

        Require(
            author is null || author.Generation != header.Generation || header.ObservedSeq >= author.ObservedSeq,
            Kpm1Error.ObservationMismatch);
    }

    private ECDsa SigningKey(Guid device, ReadOnlyMemory<byte> publicKey)
    {
        if (_signingKeys.TryGetValue(device, out var known) && known.Bytes.AsSpan().SequenceEqual(publicKey.Span))
        {
            return known.Key;
        }

        known.Key?.Dispose();
        var key = P256.VerificationKey(publicKey.Span);
        _signingKeys[device] = (publicKey.ToArray(), key);
        return key;
    }
}
