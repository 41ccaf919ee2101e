using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace GrpcRuntime.Tests.Client;

public sealed class ClientMetadataTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Metadata_goes_out_as_headers_and_comes_back_from_headers_and_trailers()
    {
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            foreach (var (key, value) in context.Request.Headers)
            {
                seen[key] = value.ToString();
            }

            context.Begin();
            context.Response.Headers["x-text"] = "text";
            context.Response.Headers["x-padded-bin"] = "AAE=";
            context.Response.Headers["x-several-bin"] = "AA,AQ==, Ag";
            await context.SendAsync(Raw.Frame("x"));
            context.End(0, null, ("t-bin", "//8"), ("t", "1"));
        });
        using var channel = peer.Channel();
        var headers = new Metadata
        {
            { "X-Text", "plain" },
            { "x-bytes-bin", [0, 1] },
            { "grpc-status", "7" },
            { "te", "nothing" },
            { "content-type", "text/plain" },
            { "user-agent", "mine/1" },
        };
        using var call = channel.Call(options: new CallOptions(headers));
        await call;

        Assert.Equal(("plain", "AAE", "trailers", "application/grpc"), (seen["x-text"], seen["x-bytes-bin"], seen["TE"], seen["Content-Type"]));
        Assert.StartsWith("mine/1 grpc-dotnet-kpm/", seen["User-Agent"], StringComparison.Ordinal);
        Assert.DoesNotContain("grpc-status", seen.Keys);
        var received = await call.ResponseHeadersAsync;
        Assert.Equal("text", received.GetValue("x-text"));
        Assert.Equal([0, 1], received.GetValueBytes("x-padded-bin"));
        Assert.Equal(["00", "01", "02"], received.GetAll("x-several-bin").Select(e => Convert.ToHexString(e.ValueBytes)));
        Assert.Equal([255, 255], call.GetTrailers().GetValueBytes("t-bin"));
        Assert.Equal("1", call.GetTrailers().GetValue("t"));
    }

    [Theory]
    [InlineData("a\r\nx-injected: 1")]
    [InlineData("é")]
    [InlineData("\0")]
    public async Task A_value_that_is_not_printable_ascii_is_not_sent(string value)
    {
        var requests = 0;
        await using var peer = await RawPeer.StartAsync(_ =>
        {
            requests++;
            return Task.CompletedTask;
        });
        using var channel = peer.Channel();

        await channel.Call(options: new CallOptions([new Metadata.Entry("x", value)])).ResponseAsync.FailsAsync(StatusCode.Internal);
        Assert.Equal(0, requests);
    }

    [Fact]
    public async Task Malformed_binary_metadata_is_internal()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            context.Response.Headers["h-bin"] = "?";
            await context.SendAsync(Raw.Frame("x"));
            context.End(context.Request.Headers.ContainsKey("fail") ? 5 : 0, null, ("t-bin", "?"));
        });
        using var channel = peer.Channel();
        using var call = channel.Call();

        await call.ResponseAsync.FailsAsync(StatusCode.Internal);
        await call.ResponseHeadersAsync.FailsAsync(StatusCode.Internal);
        await channel.Call(options: new CallOptions([new Metadata.Entry("fail", "1")])).ResponseAsync.FailsAsync(StatusCode.NotFound);
    }

    [Fact]
    public async Task Headers_are_there_before_the_first_message()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            context.Response.Headers["x"] = "early";
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await release.Task;
            await context.SendAsync(Raw.Frame("late"));
            context.End(0);
        });
        using var channel = peer.Channel();
        using var call = channel.CallServerStream();

        Assert.Equal("early", (await call.ResponseHeadersAsync).GetValue("x"));
        release.SetResult();
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal("late", call.ResponseStream.Current);
    }

    [Fact]
    public async Task Interceptors_stand_in_order_before_every_kind_of_call()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.SendAsync(Raw.Frame($"{context.Request.Headers["order"]}"));
            context.End(0);
        });
        using var channel = peer.Channel();
        var invoker = channel.Intercept(headers =>
        {
            headers.Add("order", "last");
            return headers;
        }).Intercept(new Adds("first"), new Adds("second"));

        Assert.Equal("first, second, last", await invoker.AsyncUnaryCall(Raw.Unary, null, default, ""));
        Assert.Equal("first, second, last", await Task.Run(() => invoker.BlockingUnaryCall(Raw.Unary, null, default, ""), Stop));
        using var server = invoker.AsyncServerStreamingCall(Raw.ServerStream, null, default, "");
        Assert.True(await server.ResponseStream.MoveNext());
        Assert.Equal("first, second, last", server.ResponseStream.Current);
        using var client = invoker.AsyncClientStreamingCall(Raw.ClientStream, null, default);
        Assert.Equal("first, second, last", await client);
        using var duplex = invoker.AsyncDuplexStreamingCall(Raw.Duplex, null, default);
        Assert.True(await duplex.ResponseStream.MoveNext());
        Assert.Equal("first, second, last", duplex.ResponseStream.Current);
    }

    [Fact]
    public async Task A_host_goes_out_as_the_authority()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.SendAsync(Raw.Frame(context.Request.Host.Value!));
            context.End(0);
        });
        using var channel = peer.Channel();

        Assert.Equal("other.example", await channel.CreateCallInvoker().AsyncUnaryCall(Raw.Unary, "other.example", default, ""));
        Assert.Equal(channel.Target, await channel.Call());
    }

    [Fact]
    public async Task Call_credentials_are_sent_only_where_they_are_safe_or_forced()
    {
        AuthInterceptorContext? seen = null;
        var credentials = CallCredentials.Compose(
            CallCredentials.FromInterceptor((context, metadata) =>
            {
                seen = context;
                metadata.Add("authorization", "Bearer 1");
                return Task.CompletedTask;
            }),
            CallCredentials.FromInterceptor(async (_, metadata) =>
            {
                await Task.Yield();
                metadata.Add("x-second", "2");
            }));
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.SendAsync(Raw.Frame($"{context.Request.Headers.Authorization}|{context.Request.Headers["x-second"]}"));
            context.End(0);
        });
        using var clear = peer.Channel();
        using var forced = peer.Channel(o => o.UnsafeUseInsecureChannelCallCredentials = true);
        using var whole = peer.Channel(o =>
        {
            o.UnsafeUseInsecureChannelCallCredentials = true;
            o.Credentials = ChannelCredentials.Create(ChannelCredentials.Insecure, credentials);
        });
        var options = new CallOptions(credentials: credentials);

        Assert.Equal("|", await clear.Call(options: options));
        Assert.Null(seen);
        Assert.Equal("Bearer 1|2", await forced.Call(options: options));
        Assert.Equal((peer.Address + "/test.Raw", "Unary"), (seen!.ServiceUrl, seen.MethodName));
        Assert.Equal("Bearer 1|2", await whole.Call());
    }

    [Fact]
    public async Task Credentials_that_fail_or_hang_fail_the_call()
    {
        await using var peer = await RawPeer.StartAsync(_ => Task.CompletedTask);
        using var channel = peer.Channel(o => o.UnsafeUseInsecureChannelCallCredentials = true);
        var refused = CallCredentials.FromInterceptor((_, _) => throw new RpcException(new Status(StatusCode.Unauthenticated, "no")));
        var broken = CallCredentials.FromInterceptor((_, _) => throw new FormatException("broken"));
        var hanging = CallCredentials.FromInterceptor((_, _) => new TaskCompletionSource().Task);

        await channel.Call(options: new CallOptions(credentials: refused)).ResponseAsync.FailsAsync(StatusCode.Unauthenticated);
        await channel.Call(options: new CallOptions(credentials: broken)).ResponseAsync.FailsAsync(StatusCode.Internal);
        await channel.Call(options: new CallOptions(credentials: hanging, deadline: DateTime.UtcNow.AddMilliseconds(50))).ResponseAsync.FailsAsync(StatusCode.DeadlineExceeded);
    }

    [Fact]
    public void Credentials_and_address_must_agree()
    {
        Assert.Throws<InvalidOperationException>(() => GrpcChannel.ForAddress("http://a", new GrpcChannelOptions { Credentials = ChannelCredentials.SecureSsl }));
        Assert.Throws<InvalidOperationException>(() => GrpcChannel.ForAddress("https://a", new GrpcChannelOptions { Credentials = ChannelCredentials.Insecure }));
        Assert.Throws<InvalidOperationException>(() => GrpcChannel.ForAddress("https://a", new GrpcChannelOptions { Credentials = new SslCredentials("pem") }));
        Assert.Throws<ArgumentException>(() => GrpcChannel.ForAddress("ftp://a"));
        Assert.Throws<ArgumentException>(() => GrpcChannel.ForAddress("localhost"));
        Assert.Throws<ArgumentException>(() => CallCredentials.Compose());
        using var channel = GrpcChannel.ForAddress("https://a:5", new GrpcChannelOptions { Credentials = ChannelCredentials.SecureSsl });
        Assert.Equal("a:5", channel.Target);
    }

    private sealed class Adds(string name) : Interceptor
    {
        public override TResponse BlockingUnaryCall<TRequest, TResponse>(TRequest request, ClientInterceptorContext<TRequest, TResponse> context, BlockingUnaryCallContinuation<TRequest, TResponse> continuation) =>
            continuation(request, Add(context));

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation) =>
            continuation(request, Add(context));

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation) =>
            continuation(request, Add(context));

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(ClientInterceptorContext<TRequest, TResponse> context, AsyncClientStreamingCallContinuation<TRequest, TResponse> continuation) =>
            continuation(Add(context));

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(ClientInterceptorContext<TRequest, TResponse> context, AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation) =>
            continuation(Add(context));

        private ClientInterceptorContext<TRequest, TResponse> Add<TRequest, TResponse>(ClientInterceptorContext<TRequest, TResponse> context)
            where TRequest : class
            where TResponse : class => new(context.Method, context.Host, context.Options.WithHeaders([.. context.Options.Headers ?? [], new Metadata.Entry("order", name)]));
    }
}
