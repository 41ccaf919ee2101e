using Grpc.Core;
using GrpcRuntime.Tests.Protos;

namespace GrpcRuntime.Tests.Server;

/// <summary>The server seen through bare HTTP/2 frames.</summary>
public sealed class FrameTests
{
    private static readonly byte[] Hello = RawGrpc.Frame(new EchoRequest { Text = "hello" });

    [Fact]
    public async Task A_unary_response_is_headers_one_data_frame_and_trailers()
    {
        await using var server = await TestServer.StartAsync();
        await using var peer = await ConnectAsync(server);

        await peer.SendHeadersAsync(1, RawGrpc.Unary, endStream: false);
        await peer.SendDataAsync(1, Hello, endStream: true);
        var frames = await peer.ReadStreamAsync(1);

        Assert.Equal([FrameType.Headers, FrameType.Data, FrameType.Headers], frames.Select(frame => frame.Type));
        Assert.Equal(("200", "application/grpc"), (frames[0].Headers![":status"], frames[0].Headers!["content-type"]));
        Assert.Equal(Hello, frames[1].Payload);
        Assert.False(frames[1].EndStream);
        Assert.Equal(("grpc-status", "0"), Pair(Assert.Single(frames[2].Headers!)));
    }

    [Fact]
    public async Task An_immediate_error_is_one_headers_frame_that_ends_the_stream()
    {
        await using var server = await TestServer.StartAsync();
        await using var peer = await ConnectAsync(server);

        await peer.SendHeadersAsync(1, "/grpcruntime.tests.Echo/Nothing", endStream: false);
        await peer.SendDataAsync(1, Hello, endStream: true);

        var frame = Assert.Single(await peer.ReadStreamAsync(1));
        Assert.True(frame.EndStream);
        Assert.Equal(("200", "12"), (frame.Headers![":status"], frame.Headers!["grpc-status"]));
    }

    [Fact]
    public async Task An_error_while_the_request_still_comes_ends_both_directions()
    {
        await using var server = await TestServer.StartAsync(options => options.MaxReceiveMessageSize = 100);
        await using var peer = await ConnectAsync(server);

        await peer.SendHeadersAsync(1, RawGrpc.Unary, endStream: false);
        await peer.SendDataAsync(1, [0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3], endStream: false);

        var error = await peer.ReadFrameAsync(FrameType.Headers, 1);
        Assert.True(error.EndStream);
        Assert.Equal("8", error.Headers!["grpc-status"]);
        Assert.Equal(0u, (await peer.ReadFrameAsync(FrameType.RstStream, 1)).ErrorCode);
    }

    [Fact]
    public async Task Each_message_of_a_stream_is_sent_when_it_is_written()
    {
        await using var server = await TestServer.StartAsync();
        var next = new SemaphoreSlim(0);
        server.Hooks.Expand = async (_, responses, context) =>
        {
            for (var i = 0; i < 3; i++)
            {
                await responses.WriteAsync(new EchoReply { Index = i + 1 }, context.CancellationToken);
                await next.WaitAsync(context.CancellationToken);
            }
        };
        await using var peer = await ConnectAsync(server);
        await peer.SendHeadersAsync(1, RawGrpc.Expand, endStream: false);
        await peer.SendDataAsync(1, Hello, endStream: true);

        for (var i = 0; i < 3; i++)
        {
            var data = await peer.ReadFrameAsync(FrameType.Data, 1);
            Assert.Equal(i + 1, EchoReply.Parser.ParseFrom(data.Payload.AsSpan(5)).Index);
            next.Release();
        }

        Assert.Equal("0", (await peer.ReadFrameAsync(FrameType.Headers, 1)).Headers!["grpc-status"]);
    }

    [Fact]
    public async Task A_response_is_sent_while_the_request_is_still_open()
    {
        await using var server = await TestServer.StartAsync();
        await using var peer = await ConnectAsync(server);
        await peer.SendHeadersAsync(1, RawGrpc.Chat, endStream: false);

        foreach (var text in new[] { "a", "b" })
        {
            await peer.SendDataAsync(1, RawGrpc.Frame(new EchoRequest { Text = text }), endStream: false);
            Assert.Equal(text, EchoReply.Parser.ParseFrom((await peer.ReadFrameAsync(FrameType.Data, 1)).Payload.AsSpan(5)).Text);
        }

        await peer.SendDataAsync(1, [], endStream: true);
        Assert.Equal("0", (await peer.ReadFrameAsync(FrameType.Headers, 1)).Headers!["grpc-status"]);
    }

    [Fact]
    public async Task A_peer_that_does_not_read_holds_up_the_handler_and_nobody_else()
    {
        await using var server = await TestServer.StartAsync();
        var written = 0;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Hooks.Expand = async (_, responses, context) =>
        {
            try
            {
                for (; ; written++)
                {
                    await responses.WriteAsync(new EchoReply { Text = new string('x', 1_000) }, context.CancellationToken);
                }
            }
            finally
            {
                done.SetResult();
            }
        };
        // The connection's window is 65,535 bytes, the stream's 1,000.
        await using var stalled = await Http2Peer.ConnectAsync(server.Address, TestContext.Current.CancellationToken, (4, 1_000));
        await stalled.SendHeadersAsync(1, RawGrpc.Expand, endStream: false);
        await stalled.SendDataAsync(1, Hello, endStream: true);
        await stalled.ReadFrameAsync(FrameType.Data, 1);

        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(StatusCode.OK, (await server.PostAsync(RawGrpc.Unary, Hello)).Status);
        }

        Assert.False(done.Task.IsCompleted);
        Assert.InRange(written, 1, 1_000);
        await stalled.DisposeAsync();
        await done.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_call_that_is_open_when_the_server_stops_is_finished_first()
    {
        await using var server = await TestServer.StartAsync();
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Hooks.Unary = async (_, _) =>
        {
            started.SetResult();
            await release.Task;
            return new EchoReply { Text = "done" };
        };
        await using var peer = await ConnectAsync(server);
        await peer.SendHeadersAsync(1, RawGrpc.Unary, endStream: false);
        await peer.SendDataAsync(1, Hello, endStream: true);
        await started.Task;

        var stopping = server.StopAsync();
        var goAway = await peer.ReadFrameAsync(FrameType.GoAway, 0);
        Assert.Equal(0u, goAway.ErrorCode);
        release.SetResult();

        Assert.Equal("done", EchoReply.Parser.ParseFrom((await peer.ReadFrameAsync(FrameType.Data, 1)).Payload.AsSpan(5)).Text);
        Assert.Equal("0", (await peer.ReadFrameAsync(FrameType.Headers, 1)).Headers!["grpc-status"]);
        // Kestrel waits for its peer to hang up, as clients do after a GOAWAY.
        await peer.DisposeAsync();
        await stopping;
    }

    private static Task<Http2Peer> ConnectAsync(TestServer server) => Http2Peer.ConnectAsync(server.Address, TestContext.Current.CancellationToken);

    private static (string, string) Pair(KeyValuePair<string, string> header) => (header.Key, header.Value);
}
