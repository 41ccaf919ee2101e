using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Kpm.Server.Accounts.Events;

/// <summary>The hash that chains an account's security events; security.proto has the layout.</summary>
internal static class AuditChain
{
    public const int HashBytes = 32;

    private static ReadOnlySpan<byte> Magic => "KPM1-AUDIT"u8;

    /// <param name="former">The hash of the event before; zeros for the first.</param>
    /// <param name="accountId">The account.</param>
    /// <param name="seq">The event's number, from 1.</param>
    /// <param name="at">Its time, in whole milliseconds.</param>
    /// <param name="note">What happened.</param>
    public static byte[] Next(ReadOnlySpan<byte> former, Guid accountId, ulong seq, DateTimeOffset at, SecurityNote note)
    {
        var detail = Encoding.UTF8.GetBytes(note.Detail);
        var bytes = new byte[Magic.Length + HashBytes + 16 + 8 + 8 + 4 + 1 + 16 + 4 + detail.Length];
        var rest = bytes.AsSpan();
        rest = Put(rest, Magic);
        rest = Put(rest, former);
        rest = Put(rest, accountId.ToBytes());
        BinaryPrimitives.WriteUInt64BigEndian(rest, seq);
        BinaryPrimitives.WriteInt64BigEndian(rest[8..], at.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt32BigEndian(rest[16..], (int)note.Kind);
        rest[20] = (byte)note.Actor;
        rest = Put(rest[21..], (note.DeviceId ?? Guid.Empty).ToBytes());
        BinaryPrimitives.WriteInt32BigEndian(rest, detail.Length);
        detail.CopyTo(rest[4..]);
        return SHA256.HashData(bytes);
    }

    private static Span<byte> Put(Span<byte> target, ReadOnlySpan<byte> value)
    {
        value.CopyTo(target);
        return target[value.Length..];
    }
}
