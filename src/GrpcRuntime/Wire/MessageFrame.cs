using System.Buffers;
using System.Buffers.Binary;

namespace Grpc.Wire;

/// <summary>The five bytes before each message: the compressed flag and the length in network order.</summary>
internal static class MessageFrame
{
    public const int HeaderSize = 5;

    public static void WriteHeader(Span<byte> destination, bool compressed, uint length)
    {
        destination[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(destination[1..], length);
    }

    /// <summary>Reads a header; the flag is given as it came, since only 0 and 1 are valid and the caller has to refuse the rest.</summary>
    public static void ReadHeader(ReadOnlySpan<byte> source, out byte flag, out uint length)
    {
        flag = source[0];
        length = BinaryPrimitives.ReadUInt32BigEndian(source[1..]);
    }

    /// <summary>Reads a header at the start of a sequence; false when fewer than five bytes are there.</summary>
    public static bool TryReadHeader(in ReadOnlySequence<byte> source, out byte flag, out uint length)
    {
        if (source.FirstSpan.Length >= HeaderSize)
        {
            ReadHeader(source.FirstSpan, out flag, out length);
            return true;
        }

        if (source.Length < HeaderSize)
        {
            flag = 0;
            length = 0;
            return false;
        }

        Span<byte> header = stackalloc byte[HeaderSize];
        source.Slice(0, HeaderSize).CopyTo(header);
        ReadHeader(header, out flag, out length);
        return true;
    }
}
