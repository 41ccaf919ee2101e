using Grpc.Core;
using GrpcRuntime.Tests.Protos;

namespace GrpcRuntime.Tests.Server;

/// <summary>Deadlines and cancellation as the server keeps them.</summary>
public sealed class DeadlineTests
{
    private static readonly byte[] Hello = RawGrpc.Frame(new EchoRequest { Text = "hello" });

    [Fact]
    public async Task An_expired_deadline_cancels_the_handler()
    {
        await using var server = await TestServer.StartAsync();
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Hooks.Unary = async (_, context) =>
        {
            await using var registration = context.CancellationToken.Register(cancelled.SetResult);
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            return new EchoReply();
        };

        var response = await server.PostAsync(RawGrpc.Unary, Hello, ("grpc-timeout", "100m"));

        response.AssertTrailersOnly(StatusCode.DeadlineExceeded);
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_handler_that_ignores_the_deadline_does_not_hold_up_the_answer()
    {
        await using var server = await TestServer.StartAsync();
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var late = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Hooks.Expand = async (_, responses, _) =>
        {
            await responses.WriteAsync(new EchoReply { Text = "one" });
            await release.Task;
            late.SetResult(await Record.ExceptionAsync(() => responses.WriteAsync(new EchoReply { Text = "two" }, CancellationToken.None)));
        };

        var response = await server.PostAsync(RawGrpc.Expand, Hello, ("grpc-timeout", "200m"));

        Assert.Equal("one", response.Reply.Text);
        Assert.Equal(StatusCode.DeadlineExceeded, response.Status);
        release.SetResult();
        Assert.IsType<InvalidOperationException>(await late.Task);
    }

    [Fact]
    public async Task A_handler_that_blocks_its_thread_does_not_hold_up_the_answer()
    {
        await using var server = await TestServer.StartAsync();
        using var release = new ManualResetEventSlim();
        server.Hooks.Unary = (_, _) =>
        {
            release.Wait(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            return Task.FromResult(new EchoReply());
        };

        var response = await server.PostAsync(RawGrpc.Unary, Hello, ("grpc-timeout", "100m"));
        release.Set();

        response.AssertTrailersOnly(StatusCode.DeadlineExceeded);
    }

    [Theory]
    [InlineData("0S")]
    [InlineData("1n")]
    public async Task A_deadline_that_is_over_at_once_is_exceeded(string timeout)
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = async (_, context) =>
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            return new EchoReply();
        };

        (await server.PostAsync(RawGrpc.Unary, Hello, ("grpc-timeout", timeout))).AssertTrailersOnly(StatusCode.DeadlineExceeded);
    }

    [Fact]
    public async Task A_read_that_waits_stops_at_the_deadline()
    {
        await using var server = await TestServer.StartAsync();
        var read = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Hooks.Chat = async (requests, _, _) => read.SetResult(await Record.ExceptionAsync(() => requests.MoveNext(CancellationToken.None)));
        await using var peer = await Http2Peer.ConnectAsync(server.Address, TestContext.Current.CancellationToken);

        await peer.SendHeadersAsync(1, RawGrpc.Chat, endStream: false, ("grpc-timeout", "200m"));
        var headers = await peer.ReadFrameAsync(FrameType.Headers, 1);

        Assert.Equal("4", headers.Headers!["grpc-status"]);
        Assert.True(headers.EndStream);
        // NO_ERROR: the rest of the request is not needed.
        Assert.Equal(0u, (await peer.ReadFrameAsync(FrameType.RstStream, 1)).ErrorCode);
        Assert.NotNull(await read.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
    }

    /// <summary>With many at once, so that the status of some still waits to be written when the stream is reset.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_status_of_a_deadline_is_never_lost_to_the_reset_behind_it(bool answered)
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Chat = async (requests, responses, _) =>
        {
            if (answered)
            {
                await responses.WriteAsync(new EchoReply { Text = "one" });
            }

            while (await requests.MoveNext(CancellationToken.None))
            {
            }
        };
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            await using var peer = await Http2Peer.ConnectAsync(server.Address, TestContext.Current.CancellationToken);
            for (var stream = 1; stream < 80; stream += 2)
            {
                await peer.SendHeadersAsync(stream, RawGrpc.Chat, endStream: false, ("grpc-timeout", "50m"));
            }

            var ended = new HashSet<int>();
            while (ended.Count < 40)
            {
                var frame = await peer.ReadFrameAsync();
                if (frame.StreamId == 0)
                {
                    continue;
                }

                Assert.False(frame.Type == FrameType.RstStream && !ended.Contains(frame.StreamId), "A stream was reset without a status.");
                if (frame.Headers?.GetValueOrDefault("grpc-status") is { } status)
                {
                    Assert.Equal("4", status);
                    ended.Add(frame.StreamId);
                }
            }
        }));
    }

    [Theory]
    [InlineData(RawGrpc.Unary)]
    [InlineData(RawGrpc.Chat)]
    public async Task A_caller_that_gives_up_fires_the_token(string path)
    {
        await using var server = await TestServer.StartAsync();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Hooks.Unary = async (_, context) =>
        {
            await WaitAsync(context);
            return new EchoReply();
        };
        server.Hooks.Chat = async (requests, _, context) =>
        {
            await requests.MoveNext(CancellationToken.None);
            var waiting = requests.MoveNext(CancellationToken.None);
            await WaitAsync(context);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        };
        await using var peer = await Http2Peer.ConnectAsync(server.Address, TestContext.Current.CancellationToken);
        await peer.SendHeadersAsync(1, path, endStream: false);
        await peer.SendDataAsync(1, Hello, endStream: path == RawGrpc.Unary);
        await started.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        await peer.SendRstStreamAsync(1, 8);

        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        async Task WaitAsync(ServerCallContext context)
        {
            await using var registration = context.CancellationToken.Register(cancelled.SetResult);
            started.SetResult();
            await cancelled.Task;
        }
    }

    [Fact]
    public async Task The_token_of_a_call_with_a_deadline_also_fires_when_the_caller_gives_up()
    {
        await using var server = await TestServer.StartAsync();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Hooks.Unary = async (_, context) =>
        {
            await using var registration = context.CancellationToken.Register(cancelled.SetResult);
            started.SetResult();
            await cancelled.Task;
            return new EchoReply();
        };
        await using var peer = await Http2Peer.ConnectAsync(server.Address, TestContext.Current.CancellationToken);
        await peer.SendHeadersAsync(1, RawGrpc.Unary, endStream: false, ("grpc-timeout", "1H"));
        await peer.SendDataAsync(1, Hello, endStream: true);
        await started.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        await peer.SendRstStreamAsync(1, 8);

        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }
}
