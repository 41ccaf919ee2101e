using System.Text;
using Grpc.Core;
using Grpc.Wire;
using GrpcRuntime.Tests.Core;
using Microsoft.AspNetCore.Http;

namespace GrpcRuntime.Tests.Client;

/// <summary>Framing, compression and limits, as the client sees them.</summary>
public sealed class MessageRulesTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_boundaries_of_data_frames_mean_nothing()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            foreach (var b in (byte[])[.. Raw.Frame("one"), .. Raw.Frame(""), .. Raw.Frame("two")])
            {
                await context.SendAsync([b]);
            }

            await context.SendAsync([.. Raw.Frame("three"), .. Raw.Frame("four"), .. Raw.Frame("five")[..2]]);
            await context.SendAsync(Raw.Frame("five")[2..]);
            context.End(0);
        });
        using var channel = peer.Channel();
        using var call = channel.CallServerStream();

        var received = new List<string>();
        await foreach (var message in call.ResponseStream.ReadAllAsync(Stop))
        {
            received.Add(message);
        }

        Assert.Equal(["one", "", "two", "three", "four", "five"], received);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task A_compressed_response_is_read(string encoding)
    {
        var plain = new string('z', 100_000);
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            context.Response.Headers["grpc-encoding"] = encoding;
            await context.SendAsync(Raw.Frame(MessageCompressionTests.Compress(encoding, Encoding.UTF8.GetBytes(plain)), flag: 1));
            await context.SendAsync(Raw.Frame("plain", flag: 0));
            context.End(0);
        });
        using var channel = peer.Channel();
        using var call = channel.CallServerStream();

        Assert.True(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal(plain, call.ResponseStream.Current);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal("plain", call.ResponseStream.Current);
        Assert.False(await call.ResponseStream.MoveNext(Stop));
    }

    [Fact]
    public async Task A_request_is_compressed_where_the_caller_asks_for_it()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            context.Begin();
            var bytes = body.ToArray();
            await context.SendAsync(Raw.Frame($"{context.Request.Headers["grpc-encoding"]} {bytes[0]} {bytes.Length < 1000}"));
            context.End(0);
        });
        using var channel = peer.Channel();
        var text = new string('z', 10_000);
        var gzip = new CallOptions([new Metadata.Entry("grpc-internal-encoding-request", "gzip")]);

        Assert.Equal(" 0 False", await channel.Call(text));
        Assert.Equal("gzip 1 True", await channel.Call(text, gzip));
        Assert.Equal("gzip 0 False", await channel.Call(text, gzip.WithWriteOptions(new WriteOptions(WriteFlags.NoCompress))));
        Assert.Equal("gzip 0 True", await channel.Call("", gzip));
        using var stream = channel.CallClientStream(gzip);
        await stream.RequestStream.WriteAsync(text, Stop);
        await stream.RequestStream.CompleteAsync();
        Assert.Equal("gzip 1 True", await stream);
        await channel.Call(text, new CallOptions([new Metadata.Entry("grpc-internal-encoding-request", "zstd")])).ResponseAsync.FailsAsync(StatusCode.Internal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("identity")]
    public async Task The_compressed_flag_without_an_encoding_is_internal(string? encoding) =>
        await FailsAsync(encoding, Raw.Frame("x", flag: 1), StatusCode.Internal);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task An_unknown_encoding_is_internal_even_where_nothing_is_compressed(byte flag) =>
        await FailsAsync("zstd", Raw.Frame("x", flag), StatusCode.Internal);

    [Theory]
    [InlineData(2)]
    [InlineData(128)]
    [InlineData(255)]
    public async Task A_flag_of_no_meaning_is_internal(byte flag) => await FailsAsync("gzip", Raw.Frame("x", flag), StatusCode.Internal);

    [Fact]
    public async Task Garbage_for_a_compressed_message_is_internal()
    {
        await FailsAsync("gzip", Raw.Frame("this is not gzip", flag: 1), StatusCode.Internal);
        await FailsAsync("gzip", Raw.Frame(MessageCompressionTests.Compress("gzip", new byte[500])[..^4], flag: 1), StatusCode.Internal);
    }

    [Fact]
    public async Task The_receive_limit_holds_on_both_sides()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            var length = int.Parse(Assert.Single(await context.ReadAllAsync()), System.Globalization.CultureInfo.InvariantCulture);
            context.Begin();
            await context.SendAsync(Raw.Frame(new string('x', length)));
            context.End(0);
        });
        using var small = peer.Channel(o => o.MaxReceiveMessageSize = 1000);
        using var usual = peer.Channel();
        using var none = peer.Channel(o => o.MaxReceiveMessageSize = null);

        Assert.Equal(1000, (await small.Call("1000")).Length);
        await small.Call("1001").ResponseAsync.FailsAsync(StatusCode.ResourceExhausted);
        Assert.Equal(4194304, (await usual.Call("4194304")).Length);
        await usual.Call("4194305").ResponseAsync.FailsAsync(StatusCode.ResourceExhausted);
        Assert.Equal(5_000_000, (await none.Call("5000000")).Length);
    }

    [Fact]
    public async Task The_receive_limit_holds_after_decompression()
    {
        // 64 MiB in less than a megabyte.
        var bomb = MessageCompressionTests.Compress("gzip", new byte[64 * 1024 * 1024]);
        Assert.InRange(bomb.Length, 1, GrpcProtocol.DefaultMaxReceiveMessageSize);

        await FailsAsync("gzip", Raw.Frame(bomb, flag: 1), StatusCode.ResourceExhausted);
    }

    [Fact]
    public async Task A_declared_length_alone_takes_no_memory()
    {
        // As much as an array holds: beyond it, the length is refused even without a limit.
        byte[] twoGiB = [0, 0x7f, 0xff, 0xff, 0x00, 1, 2, 3];
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.SendAsync(twoGiB);
        });
        using var limited = peer.Channel();
        using var unlimited = peer.Channel(o => o.MaxReceiveMessageSize = null);

        await limited.Call().ResponseAsync.FailsAsync(StatusCode.ResourceExhausted);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await unlimited.Call().ResponseAsync.FailsAsync(StatusCode.Internal);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 64 * 1024 * 1024);
    }

    [Fact]
    public async Task The_send_limit_holds_on_both_sides_and_sends_nothing_beyond_it()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            var all = await context.ReadAllAsync();
            context.Begin();
            await context.SendAsync(Raw.Frame($"{all.Sum(m => m.Length)}"));
            context.End(0);
        });
        using var channel = peer.Channel(o => o.MaxSendMessageSize = 100);

        Assert.Equal("100", await channel.Call(new string('x', 100)));
        await channel.Call(new string('x', 101)).ResponseAsync.FailsAsync(StatusCode.ResourceExhausted);
        using var stream = channel.CallClientStream();
        await stream.RequestStream.WriteAsync(new string('x', 100), Stop);
        await stream.RequestStream.WriteAsync(new string('x', 101), Stop).FailsAsync(StatusCode.ResourceExhausted);
        await stream.RequestStream.WriteAsync("y", Stop);
        await stream.RequestStream.CompleteAsync();
        Assert.Equal("101", await stream);
    }

    [Fact]
    public async Task A_message_that_cannot_be_deserialised_is_internal()
    {
        await using var peer = await RawPeer.StartAsync(context => Answer(context, null, Raw.Frame("x")));
        using var channel = peer.Channel();
        var strings = Marshallers.StringMarshaller;
        var broken = Marshallers.Create<string>(strings.ContextualSerializer, _ => throw new FormatException("not this"));
        var method = new Method<string, string>(MethodType.Unary, "test.Raw", "Unary", strings, broken);

        var error = await channel.CreateCallInvoker().AsyncUnaryCall(method, null, default, "").ResponseAsync.FailsAsync(StatusCode.Internal);
        Assert.IsType<FormatException>(error.Status.DebugException);
    }

    [Fact]
    public async Task A_write_after_the_server_ended_the_call_gives_its_status()
    {
        await using var peer = await RawPeer.StartAsync(context =>
        {
            context.Begin();
            context.Response.Headers["grpc-status"] = "7";
            return Task.CompletedTask;
        });
        using var channel = peer.Channel();
        using var duplex = channel.CallDuplex();
        using var client = channel.CallClientStream();

        await WriteUntilFailureAsync(duplex.RequestStream).FailsAsync(StatusCode.PermissionDenied);
        await WriteUntilFailureAsync(client.RequestStream).FailsAsync(StatusCode.PermissionDenied);
        await client.ResponseAsync.FailsAsync(StatusCode.PermissionDenied);
        await duplex.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.PermissionDenied);
    }

    private static async Task WriteUntilFailureAsync(IClientStreamWriter<string> stream)
    {
        while (true)
        {
            await stream.WriteAsync("more", Stop);
        }
    }

    private static async Task FailsAsync(string? encoding, byte[] body, StatusCode expected)
    {
        await using var peer = await RawPeer.StartAsync(context => Answer(context, encoding, body));
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(expected);
        await channel.CallServerStream().ResponseStream.MoveNext(Stop).FailsAsync(expected);
    }

    private static async Task Answer(HttpContext context, string? encoding, byte[] body)
    {
        context.Begin();
        if (encoding is not null)
        {
            context.Response.Headers["grpc-encoding"] = encoding;
        }

        await context.SendAsync(body);
        context.End(0);
    }
}
