using System.Buffers;
using System.IO.Compression;
using Grpc.Net.Compression;

namespace Grpc.Wire;

/// <summary>How a decompression ended.</summary>
internal enum DecompressionResult
{
    Done,

    /// <summary>The plain message is longer than the limit.</summary>
    TooLong,

    /// <summary>The bytes are not of the encoding, or end in the middle.</summary>
    Malformed,
}

/// <summary>Compresses and decompresses whole messages.</summary>
internal static class MessageCompression
{
    private const int Step = 16 * 1024;

    public static void Compress(ICompressionProvider provider, in ReadOnlySequence<byte> message, IBufferWriter<byte> destination, CompressionLevel? level)
    {
        using var output = new BufferWriterStream(destination);
        using var compressor = provider.CreateCompressionStream(output, level);
        foreach (var segment in message)
        {
            compressor.Write(segment.Span);
        }
    }

    /// <summary>
    /// Decompresses into <paramref name="destination"/>. The limit (null for none) holds while the bytes come, so that a
    /// small message which unfolds into a huge one never takes up more than the limit and a step.
    /// What was written before a failure stays in the destination, for its owner to clear.
    /// </summary>
    public static DecompressionResult Decompress(ICompressionProvider provider, in ReadOnlySequence<byte> message, PooledBuffer destination, int? limit)
    {
        // Some encoders give nothing at all for an empty message.
        if (message.IsEmpty)
        {
            return DecompressionResult.Done;
        }

        var longest = limit ?? int.MaxValue;
        // Only .NET's own formats are known to stop where their data does.
        using var input = new SequenceStream(message, guarded: provider is GzipCompressionProvider or DeflateCompressionProvider);
        try
        {
            using var decompressor = provider.CreateDecompressionStream(input);
            while (true)
            {
                // One byte more than is left shows that the message is too long.
                var left = longest - destination.Length + 1;
                var span = destination.GetSpan((int)Math.Min(Step, left));
                if (span.Length > left)
                {
                    span = span[..(int)left];
                }

                var read = decompressor.Read(span);
                if (read == 0)
                {
                    return input.IsOverrun ? DecompressionResult.Malformed : DecompressionResult.Done;
                }

                if (read == left)
                {
                    return DecompressionResult.TooLong;
                }

                destination.Advance(read);
            }
        }
        catch (InvalidDataException)
        {
            return DecompressionResult.Malformed;
        }
    }
}
