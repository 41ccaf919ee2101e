using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;
using Microsoft.AspNetCore.Http;

namespace GrpcRuntime.Tests.Client;

public sealed class RetryTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_is_tried_again_until_it_succeeds()
    {
        var attempts = new List<string>();
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            attempts.Add($"{context.Request.Headers["grpc-previous-rpc-attempts"]}:{Assert.Single(await context.ReadAllAsync())}");
            await AnswerAsync(context, attempts.Count < 3 ? 14 : 0);
        });
        using var channel = peer.Channel(o => o.ServiceConfig = Config());
        using var call = channel.Call("again");

        Assert.Equal("done", await call);
        Assert.Equal([":again", "1:again", "2:again"], attempts);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Attempts_are_bounded_and_the_last_failure_is_given()
    {
        var attempts = 0;
        await using var peer = await RawPeer.StartAsync(context => AnswerAsync(context, 14, ("attempt", $"{++attempts}")));
        using var channel = peer.Channel(o => o.ServiceConfig = Config());
        using var fewer = peer.Channel(o =>
        {
            o.ServiceConfig = Config();
            o.MaxRetryAttempts = 2;
        });

        var error = await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        Assert.Equal((4, "4"), (attempts, error.Trailers.GetValue("attempt")));
        await fewer.CallServerStream().ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Unavailable);
        Assert.Equal(6, attempts);
    }

    [Fact]
    public async Task Other_codes_and_other_methods_are_not_tried_again()
    {
        var attempts = 0;
        await using var peer = await RawPeer.StartAsync(context =>
        {
            attempts++;
            return AnswerAsync(context, context.Request.Path == "/test.Raw/Unary" ? 13 : 14);
        });
        using var channel = peer.Channel(o => o.ServiceConfig = Config(new MethodName { Service = "test.Raw", Method = "Unary" }));

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Internal);
        await channel.CallServerStream().ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Unavailable);
        Assert.Equal(2, attempts);
    }

    [Fact]
    public async Task Nothing_is_tried_again_once_the_response_began()
    {
        var attempts = 0;
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            attempts++;
            context.Begin();
            await context.SendAsync(Raw.Frame("x"));
            context.End(14);
        });
        using var channel = peer.Channel(o => o.ServiceConfig = Config());

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        Assert.Equal(1, attempts);
    }

    [Theory]
    [InlineData("-1", 1)]
    [InlineData("soon", 1)]
    [InlineData("0", 4)]
    public async Task The_server_may_push_back(string pushback, int expected)
    {
        var attempts = 0;
        await using var peer = await RawPeer.StartAsync(context =>
        {
            attempts++;
            return AnswerAsync(context, 14, ("grpc-retry-pushback-ms", pushback));
        });
        using var channel = peer.Channel(o => o.ServiceConfig = Config(backoff: TimeSpan.FromMilliseconds(1)));

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        Assert.Equal(expected, attempts);
    }

    [Fact]
    public async Task Retries_are_throttled_while_most_calls_fail()
    {
        var attempts = 0;
        await using var peer = await RawPeer.StartAsync(context =>
        {
            attempts++;
            return AnswerAsync(context, 14);
        });
        using var channel = peer.Channel(o =>
        {
            o.ServiceConfig = Config();
            o.ServiceConfig.RetryThrottling = new RetryThrottlingPolicy { MaxTokens = 4, TokenRatio = 0.1 };
        });

        // Four tokens: after two failures the bucket is half empty.
        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        Assert.Equal(2, attempts);
        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        Assert.Equal(3, attempts);
    }

    [Fact]
    public async Task The_deadline_ends_a_pause_between_attempts()
    {
        await using var peer = await RawPeer.StartAsync(context => AnswerAsync(context, 14));
        using var channel = peer.Channel(o => o.ServiceConfig = Config(backoff: TimeSpan.FromHours(1)));

        await channel.Call(options: new CallOptions(deadline: DateTime.UtcNow.AddMilliseconds(200))).ResponseAsync.FailsAsync(StatusCode.DeadlineExceeded);
    }

    [Fact]
    public async Task A_call_that_waits_for_the_server_succeeds_when_it_is_there()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        var time = new ManualTime();
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}", new GrpcChannelOptions { TimeProvider = time });
        using var call = channel.Call(options: new CallOptions().WithWaitForReady());
        while (time.ActiveTimers == 0)
        {
            await Task.Delay(5, Stop);
        }

        Assert.False(call.ResponseAsync.IsCompleted);
        await using var peer = await RawPeer.StartAsync(context => AnswerAsync(context, 0), port);
        time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal("done", await call.ResponseAsync.WaitAsync(TimeSpan.FromSeconds(30), Stop));
    }

    [Fact]
    public void A_policy_that_is_not_complete_is_refused()
    {
        var config = Config();
        config.MethodConfigs[0].RetryPolicy!.MaxAttempts = 1;
        Assert.Throws<InvalidOperationException>(() => GrpcChannel.ForAddress("http://a", new GrpcChannelOptions { ServiceConfig = config }));
        config = Config();
        config.MethodConfigs[0].RetryPolicy!.RetryableStatusCodes.Clear();
        Assert.Throws<InvalidOperationException>(() => GrpcChannel.ForAddress("http://a", new GrpcChannelOptions { ServiceConfig = config }));
    }

    private static ServiceConfig Config(MethodName? name = null, TimeSpan? backoff = null) => new()
    {
        MethodConfigs =
        {
            new MethodConfig
            {
                Names = { name ?? MethodName.Default },
                RetryPolicy = new RetryPolicy
                {
                    MaxAttempts = 4,
                    InitialBackoff = backoff ?? TimeSpan.FromMilliseconds(1),
                    MaxBackoff = backoff ?? TimeSpan.FromMilliseconds(5),
                    BackoffMultiplier = 2,
                    RetryableStatusCodes = { StatusCode.Unavailable },
                },
            },
        },
    };

    private static async Task AnswerAsync(HttpContext context, int status, params (string Key, string Value)[] headers)
    {
        context.Begin();
        foreach (var (key, value) in headers)
        {
            context.Response.Headers[key] = value;
        }

        if (status != 0)
        {
            context.Response.Headers["grpc-status"] = $"{status}";
            return;
        }

        await context.SendAsync(Raw.Frame("done"));
        context.End(0);
    }
}
