using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Kpm.V1;

namespace Kpm.Client.Security;

/// <summary>The hash chain over an account's security events, as security.proto lays it out at SecurityEvent.</summary>
public static class AuditChain
{
    /// <summary>Bytes of a hash.</summary>
    public const int HashSize = 32;

    private const int IdSize = 16;

    /// <summary>The hash that an event must have.</summary>
    /// <param name="before">The hash of the event before; zeros for the first.</param>
    /// <param name="account">The account.</param>
    /// <param name="happened">The event.</param>
    /// <returns>32 bytes.</returns>
    /// <exception cref="FormatException">The event has no time, or its device id is no UUID.</exception>
    public static byte[] HashOf(ReadOnlySpan<byte> before, Guid account, SecurityEvent happened)
    {
        ArgumentNullException.ThrowIfNull(happened);
        var time = happened.Time?.ToDateTimeOffset().ToUnixTimeMilliseconds() ?? throw new FormatException("The event has no time.");
        var device = happened.DeviceId.Length == 0 ? new byte[IdSize] : Guid.ParseExact(happened.DeviceId, "D").ToByteArray(bigEndian: true);
        var detail = Encoding.UTF8.GetBytes(happened.Detail);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData("KPM1-AUDIT"u8);
        hash.AppendData(before);
        hash.AppendData(account.ToByteArray(bigEndian: true));
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(number, happened.Seq);
        hash.AppendData(number);
        BinaryPrimitives.WriteInt64BigEndian(number, time);
        hash.AppendData(number);
        BinaryPrimitives.WriteInt32BigEndian(number, (int)happened.Kind);
        hash.AppendData(number[..4]);
        hash.AppendData([checked((byte)happened.Actor)]);
        hash.AppendData(device);
        BinaryPrimitives.WriteInt32BigEndian(number, detail.Length);
        hash.AppendData(number[..4]);
        hash.AppendData(detail);
        return hash.GetHashAndReset();
    }
}
