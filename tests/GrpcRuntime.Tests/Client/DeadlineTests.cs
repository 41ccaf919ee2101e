using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;

namespace GrpcRuntime.Tests.Client;

public sealed class DeadlineTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_deadline_is_sent_and_ends_the_call_when_it_passes()
    {
        var arrived = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var peer = await RawPeer.StartAsync(context => Hang(context, arrived, aborted));
        var time = new ManualTime();
        using var channel = peer.Channel(o => o.TimeProvider = time);
        using var call = channel.Call(options: new CallOptions(deadline: time.UtcNow.AddSeconds(1)));

        Assert.Equal("1000000u", await arrived.Task.WaitAsync(Stop));
        time.Advance(TimeSpan.FromSeconds(0.9));
        Assert.False(call.ResponseAsync.IsCompleted);
        Assert.Throws<InvalidOperationException>(() => call.GetStatus());
        time.Advance(TimeSpan.FromSeconds(0.1));

        await call.ResponseAsync.FailsAsync(StatusCode.DeadlineExceeded);
        Assert.Equal(StatusCode.DeadlineExceeded, call.GetStatus().StatusCode);
        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        Assert.Equal(0, time.ActiveTimers);
    }

    [Fact]
    public async Task A_deadline_in_the_past_fails_without_a_request()
    {
        var requests = 0;
        await using var peer = await RawPeer.StartAsync(context =>
        {
            Interlocked.Increment(ref requests);
            return Task.CompletedTask;
        });
        var time = new ManualTime();
        using var channel = peer.Channel(o => o.TimeProvider = time);
        var late = new CallOptions(deadline: time.UtcNow);

        await channel.Call(options: late).ResponseAsync.FailsAsync(StatusCode.DeadlineExceeded);
        await channel.CallServerStream(options: late).ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.DeadlineExceeded);
        var duplex = channel.CallDuplex(late);
        await duplex.RequestStream.WriteAsync("x", Stop).FailsAsync(StatusCode.DeadlineExceeded);
        await duplex.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.DeadlineExceeded);
        Assert.Equal(0, requests);
    }

    [Fact]
    public async Task A_deadline_ends_a_stream_that_nobody_reads_or_writes()
    {
        var arrived = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var peer = await RawPeer.StartAsync(context => Hang(context, arrived, aborted));
        var time = new ManualTime();
        using var channel = peer.Channel(o => o.TimeProvider = time);
        using var call = channel.CallDuplex(new CallOptions(deadline: time.UtcNow.AddSeconds(1)));
        await arrived.Task.WaitAsync(Stop);

        time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(StatusCode.DeadlineExceeded, call.GetStatus().StatusCode);
        await call.ResponseHeadersAsync.FailsAsync(StatusCode.DeadlineExceeded);
        await call.RequestStream.WriteAsync("x", Stop).FailsAsync(StatusCode.DeadlineExceeded);
        await call.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.DeadlineExceeded);
        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
    }

    [Fact]
    public async Task A_call_that_is_done_leaves_no_timer()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.SendAsync(Raw.Frame("x"));
            context.End(0);
        });
        var time = new ManualTime();
        using var channel = peer.Channel(o => o.TimeProvider = time);

        Assert.Equal("x", await channel.Call(options: new CallOptions(deadline: time.UtcNow.AddMinutes(1))));
        Assert.Equal("x", await channel.Call(options: new CallOptions(deadline: DateTime.MaxValue)));
        Assert.Equal(0, time.ActiveTimers);
    }

    [Fact]
    public void A_deadline_that_is_not_in_utc_is_refused()
    {
        using var channel = Grpc.Net.Client.GrpcChannel.ForAddress("http://127.0.0.1:1");

        Assert.Throws<InvalidOperationException>(() => (object)channel.Call(options: new CallOptions(deadline: new DateTime(2040, 1, 1, 0, 0, 0, DateTimeKind.Local))));
    }

    [Fact]
    public async Task A_server_calls_deadline_and_cancellation_are_handed_on()
    {
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var arrived = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var peer = await RawPeer.StartAsync(context => Hang(context, arrived, aborted));
        var time = new ManualTime();
        using var channel = peer.Channel(o => o.TimeProvider = time);
        using var cancel = new CancellationTokenSource();
        var token = new ServerContextPropagationToken(time.UtcNow.AddSeconds(5), cancel.Token);
        using var call = channel.Call(options: new CallOptions(deadline: time.UtcNow.AddMinutes(1), propagationToken: token));

        Assert.Equal("5000000u", await arrived.Task.WaitAsync(Stop));
        await cancel.CancelAsync();

        await call.ResponseAsync.FailsAsync(StatusCode.Cancelled);
        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
    }

    [Fact]
    public async Task The_exception_of_a_deadline_is_as_the_channel_is_told()
    {
        await using var peer = await RawPeer.StartAsync(context => Hang(context, new(), new()));
        using var channel = peer.Channel(o => o.ThrowOperationCanceledOnCancellation = true);

        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => channel.Call(options: new CallOptions(deadline: DateTime.UtcNow.AddMilliseconds(50))).ResponseAsync);

        Assert.Equal(StatusCode.DeadlineExceeded, Assert.IsType<RpcException>(thrown.InnerException).StatusCode);
    }

    private static async Task Hang(HttpContext context, TaskCompletionSource<string?> arrived, TaskCompletionSource aborted)
    {
        context.RequestAborted.Register(() => aborted.TrySetResult());
        arrived.TrySetResult(context.Request.Headers[GrpcProtocol.TimeoutHeader]);
        await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
    }
}
