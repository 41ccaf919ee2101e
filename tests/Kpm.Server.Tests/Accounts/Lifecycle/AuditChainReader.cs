using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

/// <summary>
/// Recomputes a chain of security events as somebody would who has only the contract: written from the layout in
/// security.proto, and sharing no code with the server.
/// </summary>
internal static class AuditChainReader
{
    /// <summary>The number of the first event that does not hold; null for a whole chain from its beginning.</summary>
    public static ulong? FirstBroken(Guid accountId, IEnumerable<SecurityEvent> oldestFirst)
    {
        byte[] former = new byte[32];
        ulong seq = 0;
        foreach (var e in oldestFirst)
        {
            former = Hash(former, accountId, e);
            if (e.Seq != ++seq || !e.Hash.Span.SequenceEqual(former))
            {
                return seq;
            }
        }

        return null;
    }

    public static byte[] Hash(byte[] former, Guid accountId, SecurityEvent e)
    {
        using var stream = new MemoryStream();
        stream.Write(Encoding.ASCII.GetBytes("KPM1-AUDIT"));
        stream.Write(former);
        stream.Write(accountId.ToByteArray(bigEndian: true));
        Write(stream, (long)e.Seq);
        Write(stream, e.Time.ToDateTimeOffset().ToUnixTimeMilliseconds());
        Write(stream, (int)e.Kind);
        stream.WriteByte((byte)e.Actor);
        stream.Write(e.DeviceId.Length == 0 ? new byte[16] : Guid.Parse(e.DeviceId).ToByteArray(bigEndian: true));
        var detail = Encoding.UTF8.GetBytes(e.Detail);
        Write(stream, detail.Length);
        stream.Write(detail);
        return SHA256.HashData(stream.ToArray());
    }

    private static void Write(Stream stream, long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        stream.Write(bytes);
    }

    private static void Write(Stream stream, int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        stream.Write(bytes);
    }
}
