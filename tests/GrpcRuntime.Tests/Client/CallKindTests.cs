using Grpc.Core;

namespace GrpcRuntime.Tests.Client;

public sealed class CallKindTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_unary_call_sends_one_message_and_gets_one()
    {
        string? path = null, te = null, contentType = null, accept = null, method = null;
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            (path, te, contentType) = (context.Request.Path, context.Request.Headers.TE, context.Request.ContentType);
            (accept, method) = (context.Request.Headers["grpc-accept-encoding"], context.Request.Method);
            var request = Assert.Single(await context.ReadAllAsync());
            context.Begin();
            context.Response.Headers["x-header"] = "h";
            await context.SendAsync(Raw.Frame(request + " there"));
            context.End(0, null, ("x-trailer", "t"));
        });
        using var channel = peer.Channel();

        using var call = channel.Call();

        Assert.Equal("hello there", await call);
        Assert.Equal("h", (await call.ResponseHeadersAsync).GetValue("x-header"));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        Assert.Equal("t", call.GetTrailers().GetValue("x-trailer"));
        Assert.Equal(("/test.Raw/Unary", "trailers", "application/grpc", "identity,gzip,deflate", "POST"), (path, te, contentType, accept, method));
    }

    [Fact]
    public async Task A_blocking_call_gives_the_response()
    {
        await using var peer = await RawPeer.StartAsync(Echo);
        using var channel = peer.Channel();

        var response = await Task.Run(() => channel.CreateCallInvoker().BlockingUnaryCall(Raw.Unary, null, default, "hi"), Stop);

        Assert.Equal("hi", response);
    }

    [Fact]
    public async Task A_server_stream_gives_every_message_in_order()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            await context.ReadAllAsync();
            context.Begin();
            for (var i = 0; i < 1000; i++)
            {
                await context.Response.Body.WriteAsync(Raw.Frame($"{i}"), context.RequestAborted);
            }

            context.End(0);
        });
        using var channel = peer.Channel();
        using var call = channel.CallServerStream();

        var received = new List<string>();
        await foreach (var message in call.ResponseStream.ReadAllAsync(Stop))
        {
            received.Add(message);
        }

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"{i}"), received);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        Assert.False(await call.ResponseStream.MoveNext(Stop));
    }

    [Fact]
    public async Task A_client_stream_is_ended_by_completing_it()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            var all = await context.ReadAllAsync();
            context.Begin();
            await context.SendAsync(Raw.Frame(string.Join('+', all)));
            context.End(0);
        });
        using var channel = peer.Channel();
        using var call = channel.CallClientStream();

        await call.RequestStream.WriteAsync("a", Stop);
        call.RequestStream.WriteOptions = new WriteOptions(WriteFlags.BufferHint);
        await call.RequestStream.WriteAsync("b", Stop);
        await call.RequestStream.WriteAsync("", Stop);
        await call.RequestStream.CompleteAsync();

        Assert.Equal("a+b+", await call);
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.WriteAsync("late", Stop));
    }

    [Fact]
    public async Task A_duplex_call_goes_to_and_fro()
    {
        await using var peer = await RawPeer.StartAsync(Echo);
        using var channel = peer.Channel();
        using var call = channel.CallDuplex();

        for (var i = 0; i < 100; i++)
        {
            await call.RequestStream.WriteAsync($"{i}", Stop);
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            Assert.Equal($"{i}", call.ResponseStream.Current);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_large_message_passes_in_many_frames_both_ways()
    {
        await using var peer = await RawPeer.StartAsync(Echo);
        using var channel = peer.Channel();
        var large = new string('x', 3_000_000);

        Assert.Equal(large, await channel.Call(large));
    }

    [Fact]
    public async Task Many_calls_share_a_channel()
    {
        await using var peer = await RawPeer.StartAsync(Echo);
        using var channel = peer.Channel();

        var responses = await Task.WhenAll(Enumerable.Range(0, 500).Select(async i => await channel.Call($"call {i}")));

        Assert.Equal(Enumerable.Range(0, 500).Select(i => $"call {i}"), responses);
    }

    [Fact]
    public async Task Writing_twice_at_once_and_reading_twice_at_once_are_refused()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        });
        using var channel = peer.Channel();
        using var call = channel.CallDuplex();
        await call.ResponseHeadersAsync;

        // More than the flow-control window: the write stays under way.
        var write = call.RequestStream.WriteAsync(new string('x', 2_000_000), Stop);
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.WriteAsync("second", Stop));
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.CompleteAsync());
        var read = call.ResponseStream.MoveNext(Stop);
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.ResponseStream.MoveNext(Stop));

        call.Dispose();
        await write.FailsAsync(StatusCode.Cancelled);
        await read.FailsAsync(StatusCode.Cancelled);
    }

    private static async Task Echo(Microsoft.AspNetCore.Http.HttpContext context)
    {
        context.Begin();
        while (await context.ReadMessageAsync() is { } message)
        {
            await context.SendAsync(Raw.Frame(message));
        }

        context.End(0);
    }
}
