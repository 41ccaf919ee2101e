using System.IO.Compression;
using Google.Protobuf;
using Grpc.Core;
using GrpcRuntime.Tests.Protos;

namespace GrpcRuntime.Tests.Server;

/// <summary>What the server makes of the messages of a request, and how it frames its own.</summary>
public sealed class MessageRulesTests
{
    private static readonly byte[] Hello = RawGrpc.Frame(new EchoRequest { Text = "hello" });

    [Fact]
    public async Task A_body_that_comes_in_single_bytes_is_the_same_body()
    {
        await using var server = await TestServer.StartAsync();
        var body = Hello.Concat(RawGrpc.Frame(new EchoRequest { Text = " again" })).Concat(RawGrpc.Frame(new EchoRequest())).ToArray();

        var response = await server.SendAsync(RawGrpc.Request(RawGrpc.Collect, new DribblingContent(body)));

        Assert.Equal(StatusCode.OK, response.Status);
        Assert.Equal("hello again", response.Reply.Text);
        Assert.Equal(3, response.Reply.Index);
    }

    [Fact]
    public async Task An_empty_message_is_a_message()
    {
        await using var server = await TestServer.StartAsync();

        var response = await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame([]));

        Assert.Equal(StatusCode.OK, response.Status);
        Assert.Equal([0, 0, 0, 0, 0], response.Body);
    }

    [Theory]
    [InlineData(RawGrpc.Unary)]
    [InlineData(RawGrpc.Expand)]
    public async Task No_message_where_one_is_due_is_unimplemented(string path)
    {
        await using var server = await TestServer.StartAsync();

        (await server.PostAsync(path, [])).AssertTrailersOnly(StatusCode.Unimplemented);
    }

    [Theory]
    [InlineData(RawGrpc.Unary)]
    [InlineData(RawGrpc.Expand)]
    public async Task Two_messages_where_one_is_due_are_unimplemented(string path)
    {
        await using var server = await TestServer.StartAsync();

        (await server.PostAsync(path, [.. Hello, .. Hello])).AssertTrailersOnly(StatusCode.Unimplemented);
        (await server.SendAsync(RawGrpc.Request(path, new DribblingContent([.. Hello, .. Hello])))).AssertTrailersOnly(StatusCode.Unimplemented);
    }

    [Theory]
    [InlineData(RawGrpc.Unary)]
    [InlineData(RawGrpc.Collect)]
    public async Task A_request_that_ends_in_the_middle_of_a_message_is_internal(string path)
    {
        await using var server = await TestServer.StartAsync();

        (await server.PostAsync(path, Hello[..3])).AssertTrailersOnly(StatusCode.Internal);
        (await server.PostAsync(path, Hello[..^1])).AssertTrailersOnly(StatusCode.Internal);
    }

    [Theory]
    [InlineData(RawGrpc.Unary)]
    [InlineData(RawGrpc.Chat)]
    public async Task A_message_that_is_no_protobuf_is_internal(string path)
    {
        await using var server = await TestServer.StartAsync();

        // Field 1 with a length past the end; groups nested 100,000 deep.
        (await server.PostAsync(path, RawGrpc.Frame([0x0a, 0x7f, 0x01]))).AssertTrailersOnly(StatusCode.Internal);
        (await server.PostAsync(path, RawGrpc.Frame([.. Enumerable.Repeat((byte)0x7b, 100_000)]))).AssertTrailersOnly(StatusCode.Internal);
    }

    [Theory]
    [InlineData(RawGrpc.Unary)]
    [InlineData(RawGrpc.Chat)]
    public async Task A_string_that_is_no_utf8_is_internal(string path)
    {
        await using var server = await TestServer.StartAsync();

        (await server.PostAsync(path, RawGrpc.Frame([0x0a, 0x02, 0xc3, 0x28]))).AssertTrailersOnly(StatusCode.Internal);
        // Before it, bytes that are no UTF-8 in a field of bytes and in an unknown field, and an unknown group.
        byte[] others = [0x12, 0x01, 0xff, 0x7a, 0x01, 0xfe, 0x83, 0x01, 0x0a, 0x01, 0xff, 0x08, 0x05, 0x84, 0x01];
        (await server.PostAsync(path, RawGrpc.Frame([.. others, 0x0a, 0x01, 0xe2]))).AssertTrailersOnly(StatusCode.Internal);
        var accepted = await server.PostAsync(path, RawGrpc.Frame([.. others, 0x0a, 0x03, 0xe2, 0x82, 0xac]));
        Assert.Equal("\u20ac", accepted.Reply.Text);
    }

    [Fact]
    public async Task A_compressed_message_without_an_encoding_is_internal()
    {
        await using var server = await TestServer.StartAsync();
        var body = RawGrpc.Frame(Gzip(new EchoRequest { Text = "hello" }.ToByteArray()), flag: 1);

        (await server.PostAsync(RawGrpc.Unary, body)).AssertTrailersOnly(StatusCode.Internal);
        (await server.PostAsync(RawGrpc.Unary, body, ("grpc-encoding", "identity"))).AssertTrailersOnly(StatusCode.Internal);
    }

    [Fact]
    public async Task A_flag_other_than_0_and_1_is_internal()
    {
        await using var server = await TestServer.StartAsync();

        (await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame([], flag: 2))).AssertTrailersOnly(StatusCode.Internal);
    }

    [Fact]
    public async Task Compressed_and_plain_messages_mix_under_one_encoding()
    {
        await using var server = await TestServer.StartAsync();
        byte[] body = [.. RawGrpc.Frame(Gzip(new EchoRequest { Text = "packed" }.ToByteArray()), flag: 1), .. Hello];

        var response = await server.PostAsync(RawGrpc.Collect, body, ("grpc-encoding", "gzip"));

        Assert.Equal("packedhello", response.Reply.Text);
    }

    [Fact]
    public async Task A_message_that_does_not_decompress_is_internal()
    {
        await using var server = await TestServer.StartAsync();
        var gzip = Gzip(new EchoRequest { Text = "hello" }.ToByteArray());

        (await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame([1, 2, 3], flag: 1), ("grpc-encoding", "gzip"))).AssertTrailersOnly(StatusCode.Internal);
        (await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(gzip[..15], flag: 1), ("grpc-encoding", "gzip"))).AssertTrailersOnly(StatusCode.Internal);
        gzip[^6] ^= 1;
        (await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(gzip, flag: 1), ("grpc-encoding", "gzip"))).AssertTrailersOnly(StatusCode.Internal);
    }

    [Fact]
    public async Task The_receive_limit_is_exact()
    {
        var fits = new EchoRequest { Text = new string('x', 900) };
        await using var server = await TestServer.StartAsync(options => options.MaxReceiveMessageSize = fits.CalculateSize());

        var response = await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(fits));
        Assert.Equal(StatusCode.OK, response.Status);

        var tooLong = RawGrpc.Frame(new EchoRequest { Text = fits.Text + "x" });
        (await server.PostAsync(RawGrpc.Unary, tooLong)).AssertTrailersOnly(StatusCode.ResourceExhausted);
        (await server.PostAsync(RawGrpc.Collect, tooLong)).AssertTrailersOnly(StatusCode.ResourceExhausted);
    }

    [Fact]
    public async Task The_receive_limit_holds_after_decompression()
    {
        var fits = new EchoRequest { Text = new string('x', 100_000) };
        await using var server = await TestServer.StartAsync(options => options.MaxReceiveMessageSize = fits.CalculateSize());
        var longer = new EchoRequest { Text = fits.Text + "x" };

        var response = await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(Gzip(fits.ToByteArray()), flag: 1), ("grpc-encoding", "gzip"));
        Assert.Equal(StatusCode.OK, response.Status);

        var refused = await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(Gzip(longer.ToByteArray()), flag: 1), ("grpc-encoding", "gzip"));
        refused.AssertTrailersOnly(StatusCode.ResourceExhausted);
    }

    [Theory]
    [InlineData(0x7fffffffu)]
    [InlineData(0x80000000u)]
    [InlineData(0xffffffffu)]
    public async Task A_declared_length_of_gigabytes_is_refused_by_its_prefix(uint length)
    {
        foreach (var limit in new int?[] { 4 * 1024 * 1024, null })
        {
            if (limit is null && length <= int.MaxValue)
            {
                continue;
            }

            await using var server = await TestServer.StartAsync(options => options.MaxReceiveMessageSize = limit);
            byte[] body = [0, (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length, 1, 2, 3];

            (await server.PostAsync(RawGrpc.Unary, body)).AssertTrailersOnly(StatusCode.ResourceExhausted);
            (await server.PostAsync(RawGrpc.Chat, body)).AssertTrailersOnly(StatusCode.ResourceExhausted);
        }
    }

    [Fact]
    public async Task The_send_limit_is_resource_exhausted()
    {
        await using var server = await TestServer.StartAsync(options => options.MaxSendMessageSize = 20);

        (await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(new EchoRequest { Text = new string('x', 40) }))).AssertTrailersOnly(StatusCode.ResourceExhausted);
        Assert.Equal(StatusCode.OK, (await server.PostAsync(RawGrpc.Unary, Hello)).Status);
    }

    [Fact]
    public async Task A_message_of_megabytes_goes_both_ways()
    {
        await using var server = await TestServer.StartAsync();
        var request = new EchoRequest { Payload = ByteString.CopyFrom(Enumerable.Range(0, 4_000_000).Select(i => (byte)(i * 7)).ToArray()) };

        var response = await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(request));

        Assert.Equal(StatusCode.OK, response.Status);
        Assert.Equal(request.Payload, response.Reply.Payload);
    }

    [Fact]
    public async Task A_message_over_Kestrels_limit_on_bodies_is_received_where_it_is_allowed()
    {
        await using var server = await TestServer.StartAsync(options => options.MaxReceiveMessageSize = null);
        server.Hooks.Unary = (request, _) => Task.FromResult(new EchoReply { Index = request.Payload.Length });
        var request = new EchoRequest { Payload = ByteString.CopyFrom(new byte[31_000_000]) };

        Assert.Equal(31_000_000, (await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(request))).Reply.Index);
    }

    [Fact]
    public async Task Responses_are_compressed_for_those_who_accept_it()
    {
        await using var server = await TestServer.StartAsync(options => options.ResponseCompressionAlgorithm = "gzip");
        var body = RawGrpc.Frame(new EchoRequest { Text = new string('x', 1_000) });

        var packed = await server.PostAsync(RawGrpc.Unary, body, ("grpc-accept-encoding", "identity, gzip"));
        Assert.Equal("gzip", packed.Headers["grpc-encoding"]);
        var (flag, message) = Assert.Single(RawGrpc.Messages(packed.Body));
        Assert.Equal(1, flag);
        Assert.InRange(message.Length, 1, 200);
        Assert.Equal(1_000, EchoReply.Parser.ParseFrom(Gunzip(message)).Text.Length);

        var plain = await server.PostAsync(RawGrpc.Unary, body);
        Assert.False(plain.Headers.ContainsKey("grpc-encoding"));
        Assert.Equal(1_000, plain.Reply.Text.Length);
    }

    [Fact]
    public async Task A_handler_may_leave_messages_uncompressed()
    {
        await using var server = await TestServer.StartAsync(options => options.ResponseCompressionAlgorithm = "gzip");
        server.Hooks.Expand = async (_, responses, _) =>
        {
            await responses.WriteAsync(new EchoReply { Text = "packed" });
            responses.WriteOptions = new WriteOptions(WriteFlags.NoCompress);
            await responses.WriteAsync(new EchoReply { Text = "plain" });
        };

        var response = await server.PostAsync(RawGrpc.Expand, Hello, ("grpc-accept-encoding", "gzip"));

        Assert.Equal([1, 0], RawGrpc.Messages(response.Body).Select(message => (int)message.Flag));
    }

    internal static byte[] Gzip(byte[] plain)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
        {
            gzip.Write(plain);
        }

        return packed.ToArray();
    }

    private static byte[] Gunzip(byte[] packed)
    {
        var plain = new MemoryStream();
        using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        gzip.CopyTo(plain);
        return plain.ToArray();
    }

    /// <summary>A body sent in DATA frames of one byte.</summary>
    private sealed class DribblingContent(byte[] body) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            foreach (var each in body)
            {
                await stream.WriteAsync(new[] { each });
                await stream.FlushAsync();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
