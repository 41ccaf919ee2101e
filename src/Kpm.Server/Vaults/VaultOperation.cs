using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>
/// An operation as it came in, with everything that can be checked without the vault's state done: the header is parsed,
/// compared with the message and with the envelope. Made on the caller's thread, so that the writer thread hashes nothing twice.
/// </summary>
internal sealed class VaultOperation
{
    /// <summary>A device's revocation is not refused for want of room, so it has no room to grow (docs/crypto.md).</summary>
    public const int RevocationLength = 88;

    private VaultOperation(Operation message, Guid opId, Guid subjectId, byte[] headerHash, OperationHeader header, bool headerHolds)
    {
        Message = message;
        OpId = opId;
        SubjectId = subjectId;
        HeaderHash = headerHash;
        Header = header;
        HeaderHolds = headerHolds;
        Attachments = headerHolds ? OperationHeader.Attachments(message.Header.Span) : [];
    }

    public Operation Message { get; }

    public Guid OpId { get; }

    public Guid SubjectId { get; }

    /// <summary>SHA-256 of the header: what the chain takes, and what tells a repeated operation from a fork.</summary>
    public byte[] HeaderHash { get; }

    public OperationHeader Header { get; }

    /// <summary>The header is well-formed, says what the message says, and carries the envelope's hash.</summary>
    public bool HeaderHolds { get; }

    /// <summary>The attachments that the header names; none unless it holds.</summary>
    public Guid[] Attachments { get; }

    public ulong OpSeq => Message.OpSeq;

    public OperationKind Kind => Message.Kind;

    /// <param name="message">Satisfies the constraints of the contract.</param>
    /// <param name="accountId">The caller's account, whose vault is meant.</param>
    /// <param name="deviceId">The caller's device, which must be the author.</param>
    public static VaultOperation From(Operation message, Guid accountId, Guid deviceId)
    {
        var opId = Guid.ParseExact(message.OpId, "D");
        var subjectId = Guid.ParseExact(message.SubjectId, "D");
        var bytes = message.Header.Span;
        var holds = OperationHeader.TryParse(bytes, out var header)
            && header.AccountId == accountId
            && header.VaultId == accountId
            && header.DeviceId == deviceId
            && header.Kind == message.Kind
            && header.OpSeq == message.OpSeq
            && header.OpId == opId
            && header.SubjectId == subjectId
            && header.BaseRev == message.BaseRev
            && message.Envelope.IsEmpty == (message.Kind == OperationKind.Delete)
            && (message.Kind != OperationKind.DeviceRevocation || message.Envelope.Length == RevocationLength)
            && CarriesHashOf(bytes, message.Envelope);
        return new VaultOperation(message, opId, subjectId, SHA256.HashData(bytes), header, holds);
    }

    private static bool CarriesHashOf(ReadOnlySpan<byte> header, ByteString envelope)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(envelope.Span, hash);
        return hash.SequenceEqual(OperationHeader.EnvelopeHash(header));
    }
}
