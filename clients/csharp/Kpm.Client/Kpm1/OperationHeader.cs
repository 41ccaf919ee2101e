using System.Security.Cryptography;
using Kpm.V1;

namespace Kpm.Client.Kpm1;

/// <summary>The signed header of an operation, structure 1 of docs/crypto.md.</summary>
public sealed record OperationHeader
{
    /// <summary>Bytes of a header without attachments.</summary>
    public const int MinSize = 234;

    /// <summary>The most attachments of an item.</summary>
    public const int MaxAttachments = 64;

    /// <summary>The version of the plaintext schema that this program writes and reads.</summary>
    public const uint ItemSchema = 1;

    private static readonly byte[] EmptyHash = SHA256.HashData([]);

    /// <summary>What is done to the subject.</summary>
    public required OperationKind Kind { get; init; }

    /// <summary>The account.</summary>
    public required Guid Account { get; init; }

    /// <summary>The vault; equal to the account today.</summary>
    public required Guid Vault { get; init; }

    /// <summary>The vault's generation, from 1.</summary>
    public required ulong Generation { get; init; }

    /// <summary>The author.</summary>
    public required Guid Device { get; init; }

    /// <summary>The author's operation number, from 1, rising.</summary>
    public required ulong OpSeq { get; init; }

    /// <summary>The operation's own id.</summary>
    public required Guid OpId { get; init; }

    /// <summary>The item, the device, the vault or the revocation, by kind.</summary>
    public required Guid Subject { get; init; }

    /// <summary>The subject's revision that the operation is based on; 0 for none.</summary>
    public required ulong BaseRev { get; init; }

    /// <summary>The revision that the operation makes.</summary>
    public ulong Rev => BaseRev + 1;

    /// <summary>The epoch of the keys, from 1.</summary>
    public required uint KeyEpoch { get; init; }

    /// <summary>The plaintext's schema: at least 1 for PUT, 0 for the other kinds.</summary>
    public required uint Schema { get; init; }

    /// <summary>SHA-256 of the envelope, 32 bytes.</summary>
    public required ReadOnlyMemory<byte> EnvelopeHash { get; init; }

    /// <summary>The key commitment of an item, 32 bytes; zeros for kinds other than PUT.</summary>
    public required ReadOnlyMemory<byte> Commitment { get; init; }

    /// <summary>The last entry of the log that the author had verified; 0 for none.</summary>
    public required ulong ObservedSeq { get; init; }

    /// <summary>The chain hash at that entry, 32 bytes; zeros for none.</summary>
    public required ReadOnlyMemory<byte> ObservedHash { get; init; }

    /// <summary>The item's attachments, ascending and distinct, at most 64.</summary>
    public IReadOnlyList<Guid> Attachments { get; init; } = [];

    /// <summary>Reads a header.</summary>
    /// <param name="bytes">The header as it was signed.</param>
    /// <returns>The header; it is well-formed.</returns>
    /// <exception cref="Kpm1Exception">STRUCTURE_INVALID or SUITE_UNKNOWN.</exception>
    public static OperationHeader Parse(ReadOnlySpan<byte> bytes)
    {
        var reader = new SpanReader(bytes);
        reader.Prefix(Structure.OperationHeader);
        var kind = (OperationKind)reader.U8();
        reader.Zero(1);
        var account = reader.Id();
        var vault = reader.Id();
        var generation = reader.U64();
        var device = reader.Id();
        var opSeq = reader.U64();
        var opId = reader.Id();
        var subject = reader.Id();
        var baseRev = reader.U64();
        var rev = reader.U64();
        var header = new OperationHeader
        {
            Kind = kind,
            Account = account,
            Vault = vault,
            Generation = generation,
            Device = device,
            OpSeq = opSeq,
            OpId = opId,
            Subject = subject,
            BaseRev = baseRev,
            KeyEpoch = reader.U32(),
            Schema = reader.U32(),
            EnvelopeHash = reader.Copy(Layout.HashSize),
            Commitment = reader.Copy(Layout.HashSize),
            ObservedSeq = reader.U64(),
            ObservedHash = reader.Copy(Layout.HashSize),
            Attachments = ReadAttachments(ref reader),
        };
        reader.End();
        Layout.Require(rev == header.Rev);
        header.RequireWellFormed();
        return header;
    }

    /// <summary>Writes the header.</summary>
    /// <returns>The bytes to sign.</returns>
    /// <exception cref="Kpm1Exception">STRUCTURE_INVALID: the fields make no well-formed header.</exception>
    public byte[] ToBytes()
    {
        RequireWellFormed();
        var bytes = new byte[MinSize + (16 * Attachments.Count)];
        var writer = new SpanWriter(bytes);
        writer.Prefix(Structure.OperationHeader);
        writer.U8((byte)Kind);
        writer.U8(0);
        writer.Id(Account);
        writer.Id(Vault);
        writer.U64(Generation);
        writer.Id(Device);
        writer.U64(OpSeq);
        writer.Id(OpId);
        writer.Id(Subject);
        writer.U64(BaseRev);
        writer.U64(Rev);
        writer.U32(KeyEpoch);
        writer.U32(Schema);
        writer.Bytes(EnvelopeHash.Span);
        writer.Bytes(Commitment.Span);
        writer.U64(ObservedSeq);
        writer.Bytes(ObservedHash.Span);
        writer.U16((ushort)Attachments.Count);
        foreach (var attachment in Attachments)
        {
            writer.Id(attachment);
        }

        return bytes;
    }

    private static Guid[] ReadAttachments(ref SpanReader reader)
    {
        var count = reader.U16();
        Layout.Require(count <= MaxAttachments);
        var ids = new Guid[count];
        ReadOnlySpan<byte> last = [];
        for (var i = 0; i < count; i++)
        {
            var id = reader.Bytes(16);
            Layout.Require(i == 0 || id.SequenceCompareTo(last) > 0);
            ids[i] = new Guid(id, bigEndian: true);
            last = id;
        }

        return ids;
    }

    private void RequireWellFormed()
    {
        Layout.Require(Kind is >= OperationKind.Put and <= OperationKind.DeviceRevocation);
        Layout.Require(Generation is >= 1 and <= long.MaxValue);
        Layout.Require(OpSeq is >= 1 and <= long.MaxValue);
        Layout.Require(BaseRev < long.MaxValue && KeyEpoch >= 1);
        Layout.Require(EnvelopeHash.Length == Layout.HashSize && Commitment.Length == Layout.HashSize && ObservedHash.Length == Layout.HashSize);
        Layout.Require(ObservedSeq > 0 || !ObservedHash.Span.ContainsAnyExcept((byte)0));
        Layout.Require(Attachments.Count <= MaxAttachments);
        if (Kind == OperationKind.Put)
        {
            Layout.Require(Schema >= 1);
            return;
        }

        Layout.Require(Schema == 0 && Attachments.Count == 0 && !Commitment.Span.ContainsAnyExcept((byte)0));
        Layout.Require(Kind switch
        {
            OperationKind.Delete => BaseRev >= 1 && EnvelopeHash.Span.SequenceEqual(EmptyHash),
            OperationKind.DeviceKey => BaseRev == 0 && Subject == Device,
            OperationKind.DeviceRevocation => BaseRev == 0,
            _ => Subject == Vault,
        });
    }
}
