using System.Buffers;
using System.IO.Compression;
using Grpc.Net.Compression;
using Grpc.Wire;

namespace GrpcRuntime.Tests.Core;

public sealed class MessageCompressionTests
{
    public static TheoryData<string> Encodings => ["gzip", "deflate"];

    [Theory]
    [MemberData(nameof(Encodings))]
    public void A_message_survives_in_pieces_of_any_size(string encoding)
    {
        var random = new Random(3);
        foreach (var length in (int[])[1, 2, 100, 4095, 4096, 70_000, 1_000_000])
        {
            var message = new byte[length];
            random.NextBytes(message.AsSpan(length / 2));

            var (result, plain) = Decompress(encoding, Compress(encoding, message), length);

            Assert.Equal(DecompressionResult.Done, result);
            Assert.Equal(message, plain);
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void The_limit_holds_after_decompression_on_both_sides(string encoding)
    {
        var compressed = Compress(encoding, new byte[10_000]);

        Assert.Equal(DecompressionResult.Done, Decompress(encoding, compressed, 10_000).Result);
        Assert.Equal(DecompressionResult.TooLong, Decompress(encoding, compressed, 9_999).Result);
        Assert.Equal(DecompressionResult.Done, Decompress(encoding, compressed, null).Result);
        Assert.Equal(DecompressionResult.TooLong, Decompress(encoding, compressed, 0).Result);
    }

    [Fact]
    public void A_bomb_takes_no_more_memory_than_the_limit()
    {
        // 256 MiB of zeros in a hundredth of it.
        var bomb = Compress("gzip", new byte[256 * 1024 * 1024]);
        const int Limit = 4 * 1024 * 1024;
        Assert.InRange(bomb.Length, 1, Limit);

        // Buffers come from the pool: what is not pooled already shows as allocated.
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var destination = new PooledBuffer();
        var result = MessageCompression.Decompress(Provider("gzip"), new ReadOnlySequence<byte>(bomb), destination, Limit);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(DecompressionResult.TooLong, result);
        Assert.InRange(destination.Length, 0, Limit);
        Assert.InRange(allocated, 0, Limit + (1024 * 1024));
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void What_is_not_of_the_encoding_is_malformed(string encoding)
    {
        var compressed = Compress(encoding, new byte[1000]);
        byte[][] malformed = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [.. compressed[..8], 0xff, 0xff, 0xff, .. compressed[11..]], [.. compressed[..^5], 7, .. compressed[^4..]]];

        Assert.All(malformed, bytes => Assert.Equal(DecompressionResult.Malformed, Decompress(encoding, bytes, 10_000).Result));
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void What_is_cut_off_anywhere_is_malformed(string encoding)
    {
        // Not zero at its end, so that what is missing matters: the checksums and the length of gzip.
        var message = new byte[300];
        new Random(1).NextBytes(message);
        var compressed = Compress(encoding, message);
        // gzip ends in the length, whose upper bytes are zero here as in the guard: without them nothing is lost.
        var needed = encoding == "gzip" ? compressed.Length - 2 : compressed.Length;

        for (var length = 1; length < needed; length++)
        {
            Assert.Equal((length, DecompressionResult.Malformed), (length, Decompress(encoding, compressed[..length], 10_000).Result));
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void What_ends_where_a_buffer_of_the_decompressor_does_is_whole(string encoding)
    {
        for (var length = 8192 - 40; length <= 8192; length++)
        {
            var message = new byte[length];
            new Random(length).NextBytes(message);

            var (result, plain) = Decompress(encoding, Compress(encoding, message), length);

            Assert.Equal((length, DecompressionResult.Done), (length, result));
            Assert.Equal(message, plain);
        }
    }

    [Fact]
    public void Several_gzip_members_make_one_message()
    {
        var (result, plain) = Decompress("gzip", [.. Compress("gzip", [1, 2]), .. Compress("gzip", [3])], 10);

        Assert.Equal(DecompressionResult.Done, result);
        Assert.Equal([1, 2, 3], plain);
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Nothing_compressed_is_an_empty_message(string encoding)
    {
        var (result, plain) = Decompress(encoding, [], 10);

        Assert.Equal(DecompressionResult.Done, result);
        Assert.Empty(plain);
    }

    internal static ICompressionProvider Provider(string encoding) => encoding == "gzip"
        ? new GzipCompressionProvider(CompressionLevel.Fastest)
        : new DeflateCompressionProvider(CompressionLevel.Fastest);

    internal static byte[] Compress(string encoding, byte[] message)
    {
        using var destination = new PooledBuffer();
        MessageCompression.Compress(Provider(encoding), new ReadOnlySequence<byte>(message), destination, null);
        return destination.Written.ToArray();
    }

    private static (DecompressionResult Result, byte[] Plain) Decompress(string encoding, byte[] compressed, int? limit)
    {
        using var destination = new PooledBuffer();
        var result = MessageCompression.Decompress(Provider(encoding), new ReadOnlySequence<byte>(compressed), destination, limit);
        return (result, destination.Written.ToArray());
    }
}
