using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace GrpcRuntime.Tests.Client;

public sealed class CancellationTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_cancels_a_call_on_both_sides()
    {
        await using var server = new HangingServer();
        await server.StartAsync();
        using var channel = server.Peer.Channel();
        using var cancel = new CancellationTokenSource();
        using var call = channel.Call(options: new CallOptions(cancellationToken: cancel.Token));
        await server.Arrived;

        await cancel.CancelAsync();

        await call.ResponseAsync.FailsAsync(StatusCode.Cancelled);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
        await server.Aborted;
    }

    [Fact]
    public async Task A_token_that_fired_before_sends_nothing()
    {
        await using var server = new HangingServer();
        await server.StartAsync();
        using var channel = server.Peer.Channel();
        var options = new CallOptions(cancellationToken: new CancellationToken(canceled: true));

        await channel.Call(options: options).ResponseAsync.FailsAsync(StatusCode.Cancelled);
        await channel.CallDuplex(options).ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Cancelled);
        Assert.Equal(0, server.Requests);
    }

    [Fact]
    public async Task Disposing_a_call_cancels_it()
    {
        await using var server = new HangingServer();
        await server.StartAsync();
        using var channel = server.Peer.Channel();
        var call = channel.CallDuplex();
        await server.Arrived;
        var read = call.ResponseStream.MoveNext(Stop);

        call.Dispose();
        call.Dispose();

        await read.FailsAsync(StatusCode.Cancelled);
        await call.RequestStream.WriteAsync("x", Stop).FailsAsync(StatusCode.Cancelled);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
        await server.Aborted;
    }

    [Fact]
    public async Task Disposing_a_channel_ends_its_calls_and_refuses_new_ones()
    {
        await using var server = new HangingServer();
        await server.StartAsync();
        var channel = server.Peer.Channel();
        var invoker = channel.CreateCallInvoker();
        using var call = channel.Call();
        await server.Arrived;

        channel.Dispose();
        await channel.ShutdownAsync();

        await call.ResponseAsync.FailsAsync(StatusCode.Cancelled);
        Assert.Throws<ObjectDisposedException>(channel.CreateCallInvoker);
        Assert.Throws<ObjectDisposedException>(() => (object)invoker.AsyncUnaryCall(Raw.Unary, null, default, "x"));
    }

    [Fact]
    public async Task The_token_of_a_read_cancels_the_call()
    {
        await using var server = new HangingServer();
        await server.StartAsync();
        using var channel = server.Peer.Channel();
        using var call = channel.CallServerStream();
        await server.Arrived;
        using var cancel = new CancellationTokenSource();
        var read = call.ResponseStream.MoveNext(cancel.Token);

        await cancel.CancelAsync();

        await read.FailsAsync(StatusCode.Cancelled);
        await server.Aborted;
        await call.ResponseStream.MoveNext(new CancellationToken(canceled: true)).FailsAsync(StatusCode.Cancelled);
    }

    [Fact]
    public async Task The_token_of_a_write_cancels_the_call()
    {
        await using var server = new HangingServer();
        await server.StartAsync();
        using var channel = server.Peer.Channel();
        using var call = channel.CallClientStream();
        await server.Arrived;
        using var cancel = new CancellationTokenSource();
        var write = call.RequestStream.WriteAsync(new string('x', 2_000_000), cancel.Token);

        await cancel.CancelAsync();

        await write.FailsAsync(StatusCode.Cancelled);
        await call.ResponseAsync.FailsAsync(StatusCode.Cancelled);
        await server.Aborted;
    }

    [Fact]
    public async Task The_exception_of_a_cancellation_is_as_the_channel_is_told()
    {
        await using var server = new HangingServer();
        await server.StartAsync();
        using var channel = server.Peer.Channel(o => o.ThrowOperationCanceledOnCancellation = true);
        using var cancel = new CancellationTokenSource();
        using var call = channel.Call(options: new CallOptions(cancellationToken: cancel.Token));
        await server.Arrived;

        await cancel.CancelAsync();

        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.ResponseAsync);
        Assert.Equal(cancel.Token, thrown.CancellationToken);
        Assert.Equal(StatusCode.Cancelled, Assert.IsType<RpcException>(thrown.InnerException).StatusCode);
    }

    [Fact]
    public async Task Cancelling_after_the_end_changes_nothing()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.SendAsync(Raw.Frame("x"));
            context.End(0, null, ("k", "v"));
        });
        using var channel = peer.Channel();
        using var cancel = new CancellationTokenSource();
        var call = channel.Call(options: new CallOptions(cancellationToken: cancel.Token));
        await call;

        await cancel.CancelAsync();
        call.Dispose();

        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        Assert.Equal("x", await call);
        Assert.Equal("v", call.GetTrailers().GetValue("k"));
    }

    private sealed class HangingServer : IAsyncDisposable
    {
        private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _requests;

        public RawPeer Peer { get; private set; } = null!;

        public int Requests => _requests;

        public Task Arrived => _arrived.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);

        public Task Aborted => _aborted.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);

        public async Task StartAsync() => Peer = await RawPeer.StartAsync(Hang);

        public ValueTask DisposeAsync() => Peer.DisposeAsync();

        private async Task Hang(HttpContext context)
        {
            Interlocked.Increment(ref _requests);
            context.RequestAborted.Register(() => _aborted.TrySetResult());
            _arrived.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }
}
