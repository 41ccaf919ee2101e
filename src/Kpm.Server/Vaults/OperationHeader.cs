using System.Buffers.Binary;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>
/// The signed header of an operation as the server reads it: the fixed layout of docs/crypto.md. The server checks that it
/// says the same as the message around it, and never makes or verifies a signature.
/// </summary>
internal readonly record struct OperationHeader
{
    public const int FixedLength = 234;
    public const int MaxAttachments = 64;

    private const int IdLength = 16;
    private const byte Structure = 1;
    private const byte Suite = 1;

    public OperationKind Kind { get; private init; }
    public Guid AccountId { get; private init; }
    public Guid VaultId { get; private init; }
    public ulong Generation { get; private init; }
    public Guid DeviceId { get; private init; }
    public ulong OpSeq { get; private init; }
    public Guid OpId { get; private init; }
    public Guid SubjectId { get; private init; }
    public ulong BaseRev { get; private init; }
    public ulong Rev { get; private init; }
    public uint KeyEpoch { get; private init; }
    public ulong ObservedSeq { get; private init; }

    /// <summary>The envelope's hash inside the header's bytes.</summary>
    public static ReadOnlySpan<byte> EnvelopeHash(ReadOnlySpan<byte> header) => header.Slice(128, 32);

    /// <summary>The attachments that a well-formed header names; none for most.</summary>
    public static Guid[] Attachments(ReadOnlySpan<byte> header)
    {
        if (header.Length == FixedLength)
        {
            return [];
        }

        var ids = new Guid[(header.Length - FixedLength) / IdLength];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = Ids.FromBytes(header.Slice(FixedLength + (i * IdLength), IdLength));
        }

        return ids;
    }

    /// <summary>False where the bytes are not a well-formed header; what well-formed means stands in docs/crypto.md.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out OperationHeader header)
    {
        header = default;
        if (bytes.Length < FixedLength
            || !bytes[..4].SequenceEqual("KPM1"u8)
            || bytes[4] != Structure
            || bytes[5] != Suite
            || bytes[7] != 0)
        {
            return false;
        }

        header = new OperationHeader
        {
            Kind = (OperationKind)bytes[6],
            AccountId = Ids.FromBytes(bytes.Slice(8, IdLength)),
            VaultId = Ids.FromBytes(bytes.Slice(24, IdLength)),
            Generation = UInt64(bytes, 40),
            DeviceId = Ids.FromBytes(bytes.Slice(48, IdLength)),
            OpSeq = UInt64(bytes, 64),
            OpId = Ids.FromBytes(bytes.Slice(72, IdLength)),
            SubjectId = Ids.FromBytes(bytes.Slice(88, IdLength)),
            BaseRev = UInt64(bytes, 104),
            Rev = UInt64(bytes, 112),
            KeyEpoch = BinaryPrimitives.ReadUInt32BigEndian(bytes[120..]),
            ObservedSeq = UInt64(bytes, 192),
        };
        return header.RangesHold() && header.KindHolds(bytes) && AttachmentsHold(bytes);
    }

    private bool RangesHold() => Generation is >= 1 and <= long.MaxValue
        && OpSeq is >= 1 and <= long.MaxValue
        && BaseRev < long.MaxValue
        && Rev == BaseRev + 1
        && KeyEpoch >= 1
        && ObservedSeq <= long.MaxValue;

    private bool KindHolds(ReadOnlySpan<byte> bytes)
    {
        var schema = BinaryPrimitives.ReadUInt32BigEndian(bytes[124..]);
        var noItemKey = schema == 0 && IsZero(bytes.Slice(160, 32));
        var observed = ObservedSeq != 0 || IsZero(bytes.Slice(200, 32));
        return observed && Kind switch
        {
            OperationKind.Put => schema >= 1,
            OperationKind.Delete => noItemKey && BaseRev >= 1,
            OperationKind.DeviceKey => noItemKey && BaseRev == 0 && SubjectId == DeviceId,
            OperationKind.Keyset => noItemKey && SubjectId == VaultId,
            OperationKind.DeviceRevocation => noItemKey && BaseRev == 0,
            _ => false,
        };
    }

    private static bool AttachmentsHold(ReadOnlySpan<byte> bytes)
    {
        var count = BinaryPrimitives.ReadUInt16BigEndian(bytes[232..]);
        if (count > MaxAttachments
            || bytes.Length != FixedLength + (count * IdLength)
            || (count > 0 && (OperationKind)bytes[6] != OperationKind.Put))
        {
            return false;
        }

        for (var at = FixedLength + IdLength; at < bytes.Length; at += IdLength)
        {
            if (bytes.Slice(at - IdLength, IdLength).SequenceCompareTo(bytes.Slice(at, IdLength)) >= 0)
            {
                return false;
            }
        }

        return true;
    }

    private static ulong UInt64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64BigEndian(bytes[at..]);

    private static bool IsZero(ReadOnlySpan<byte> bytes) => !bytes.ContainsAnyExcept((byte)0);
}
