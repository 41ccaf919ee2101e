using System.Buffers.Binary;
using System.Text;

namespace Kpm.Bench.Load;

/// <summary>
/// A gRPC request as bytes, made once and repeated: its headers as a literal block for the first stream of a connection,
/// and as indices into the dynamic table (RFC 7541) for all later ones, as C-core's and Go's clients send them.
/// </summary>
internal sealed class RawRequest
{
    private const int FirstDynamicIndex = 62;

    public RawRequest(string path, byte[] body, string? bearer = null, string? encoding = null)
    {
        (int NameIndex, string? Name, string Value)[] literals =
        [
            (4, null, path),
            (1, null, "localhost"),
            (31, null, "application/grpc"),
            (58, null, "kpm-bench"),
            (0, "te", "trailers"),
            .. bearer == null ? [] : new (int, string?, string)[] { (23, null, "Bearer " + bearer) },
            .. encoding == null ? [] : new (int, string?, string)[] { (0, "grpc-encoding", encoding) },
        ];
        // ":method: POST" and ":scheme: http" are whole entries of the static table.
        var first = new List<byte> { 0x80 | 3, 0x80 | 6 };
        var next = new List<byte> { 0x80 | 3, 0x80 | 6 };
        for (var i = 0; i < literals.Length; i++)
        {
            var (nameIndex, name, value) = literals[i];
            first.Add((byte)(0x40 | nameIndex));
            if (name != null)
            {
                AppendString(first, name);
            }

            AppendString(first, value);
            next.Add((byte)(0x80 | (FirstDynamicIndex + literals.Length - 1 - i)));
        }

        FirstHeaders = [.. first];
        NextHeaders = [.. next];
        Body = body;
    }

    /// <summary>Header block of the first stream of a connection; fills the peer's dynamic table.</summary>
    public byte[] FirstHeaders { get; }

    /// <summary>Header block of every later stream.</summary>
    public byte[] NextHeaders { get; }

    /// <summary>The framed message.</summary>
    public byte[] Body { get; }

    /// <summary>A gRPC frame: whether it is compressed, the length, the message.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> message, bool compressed = false)
    {
        var frame = new byte[5 + message.Length];
        frame[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame.AsSpan(5));
        return frame;
    }

    private static void AppendString(List<byte> block, string text)
    {
        // A seven-bit prefix without Huffman coding.
        if (text.Length < 127)
        {
            block.Add((byte)text.Length);
        }
        else
        {
            block.Add(127);
            var rest = text.Length - 127;
            for (; rest >= 128; rest /= 128)
            {
                block.Add((byte)((rest % 128) | 128));
            }

            block.Add((byte)rest);
        }

        block.AddRange(Encoding.ASCII.GetBytes(text));
    }
}
