using System.IO.Compression;
using System.Net;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;
using Grpc.Net.Compression;
using GrpcRuntime.Surface.Protos;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GrpcRuntime.Surface;

/// <summary>A server with everything that can be configured, and the clients of it.</summary>
public sealed class ServerAndClientTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_kind_of_call_passes_through_interceptors_on_both_sides()
    {
        await using var app = await StartAsync();
        using var channel = GrpcChannel.ForAddress(app.Urls.First(), Options());
        var interceptor = new CountingInterceptor();
        var client = new Greeter.GreeterClient(channel.Intercept(interceptor));

        using var unary = client.GreetAsync(new GreetRequest { Name = "Ann" }, new CallOptions(deadline: DateTime.UtcNow.AddMinutes(1), cancellationToken: Stop));
        Assert.Equal("Hello Ann, good day", (await unary.ResponseAsync).Text);
        Assert.Equal("yes", (await unary.ResponseHeadersAsync).GetValue("peer-known"));
        Assert.Equal("/grpcruntime.surface.Greeter/Greet", unary.GetTrailers().GetValue("method"));
        Assert.Equal([1, 2, 3], unary.GetTrailers().GetValueBytes("raw-bin"));
        Assert.Equal(StatusCode.OK, unary.GetStatus().StatusCode);
        Assert.Equal("Hello Bob, hi", client.Greet(new GreetRequest { Name = "Bob" }, cancellationToken: Stop).Text);

        using var all = client.GreetAll(cancellationToken: Stop);
        await all.RequestStream.WriteAsync(new GreetRequest { Name = "a" });
        await all.RequestStream.WriteAsync(new GreetRequest { Name = "b" }, Stop);
        await all.RequestStream.CompleteAsync();
        Assert.Equal("a,b", (await all).Text);

        using var often = client.GreetOften(new GreetRequest { Name = "o", Times = 3 }, cancellationToken: Stop);
        var texts = new List<string>();
        await foreach (var reply in often.ResponseStream.ReadAllAsync(Stop))
        {
            texts.Add(reply.Text);
        }

        Assert.Equal(["o 0", "o 1", "o 2"], texts);

        using var each = client.GreetEach(cancellationToken: Stop);
        await each.RequestStream.WriteAsync(new GreetRequest { Name = "e" });
        Assert.True(await each.ResponseStream.MoveNext(Stop));
        Assert.Equal("e", each.ResponseStream.Current.Text);
        await each.RequestStream.CompleteAsync();
        var end = await Assert.ThrowsAsync<RpcException>(() => each.ResponseStream.MoveNext(Stop));
        Assert.Equal((StatusCode.OutOfRange, "no more"), (end.StatusCode, end.Status.Detail));

        Assert.Equal(5, interceptor.Calls);
        Assert.Equal(5, app.Services.GetRequiredService<CountingInterceptor>().Calls);
    }

    [Fact]
    public async Task Failures_deadlines_and_cancellation_are_exceptions_with_their_status()
    {
        await using var app = await StartAsync();
        using var channel = GrpcChannel.ForAddress(app.Urls.First(), Options());
        var client = new Greeter.GreeterClient(channel);

        var refused = await Assert.ThrowsAsync<RpcException>(() => client.GreetAsync(new GreetRequest(), cancellationToken: Stop).ResponseAsync);
        Assert.Equal((StatusCode.InvalidArgument, "name"), (refused.StatusCode, refused.Trailers.GetValue("field")));
        var late = await Assert.ThrowsAsync<RpcException>(
            () => client.GreetAsync(new GreetRequest { Name = "x", Times = -1 }, deadline: DateTime.UtcNow.AddMilliseconds(50), cancellationToken: Stop).ResponseAsync);
        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
        using var cancel = new CancellationTokenSource();
        var open = client.GreetAsync(new GreetRequest { Name = "x", Times = -1 }, new CallOptions().WithCancellationToken(cancel.Token).WithWaitForReady());
        await cancel.CancelAsync();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => open.ResponseAsync)).StatusCode);
    }

    [Fact]
    public async Task A_channel_with_several_addresses_tells_its_state()
    {
        await using var app = await StartAsync();
        var address = new Uri(app.Urls.First());
        using var channel = GrpcChannel.ForAddress("static:///greeters", new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Insecure,
            ServiceProvider = new ServiceCollection()
                .AddSingleton<ResolverFactory>(new StaticResolverFactory(_ => [new BalancerAddress(address.Host, address.Port)]))
                .BuildServiceProvider(),
            ServiceConfig = new ServiceConfig { LoadBalancingConfigs = { new RoundRobinConfig(), new PickFirstConfig() } },
            LoggerFactory = NullLoggerFactory.Instance,
        });
        Assert.Equal(ConnectivityState.Idle, channel.State);
        await channel.ConnectAsync(Stop);
        Assert.Equal(ConnectivityState.Ready, channel.State);
        Assert.Equal("Hello C, hi", (await new Greeter.GreeterClient(channel).GreetAsync(new GreetRequest { Name = "C" }, cancellationToken: Stop)).Text);
        var changed = channel.WaitForStateChangedAsync(ConnectivityState.Ready, Stop);
        await channel.ShutdownAsync();
        await changed;
    }

    [Fact]
    public async Task Endpoints_tell_their_method()
    {
        await using var app = await StartAsync();

        var methods = app.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .Select(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>())
            .OfType<GrpcMethodMetadata>()
            .Where(metadata => metadata.ServiceType == typeof(GreeterService));
        Assert.Equal(["Greet", "GreetAll", "GreetEach", "GreetOften"], methods.Select(metadata => metadata.Method.Name).Order(StringComparer.Ordinal));
    }

    private static GrpcChannelOptions Options() => new()
    {
        Credentials = ChannelCredentials.Insecure,
        MaxSendMessageSize = 1024 * 1024,
        MaxReceiveMessageSize = 1024 * 1024,
        MaxRetryAttempts = 4,
        CompressionProviders = [new GzipCompressionProvider(CompressionLevel.Fastest)],
        HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true },
        DisposeHttpClient = true,
        ThrowOperationCanceledOnCancellation = false,
        UnsafeUseInsecureChannelCallCredentials = true,
        HttpVersion = HttpVersion.Version20,
        HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        InitialReconnectBackoff = TimeSpan.FromSeconds(1),
        MaxReconnectBackoff = TimeSpan.FromSeconds(10),
        ServiceConfig = new ServiceConfig
        {
            MethodConfigs =
            {
                new MethodConfig
                {
                    Names = { MethodName.Default },
                    RetryPolicy = new RetryPolicy
                    {
                        MaxAttempts = 3,
                        InitialBackoff = TimeSpan.FromMilliseconds(10),
                        MaxBackoff = TimeSpan.FromSeconds(1),
                        BackoffMultiplier = 1.5,
                        RetryableStatusCodes = { StatusCode.Unavailable },
                    },
                },
            },
            RetryThrottling = new RetryThrottlingPolicy { MaxTokens = 10, TokenRatio = 0.1 },
        },
    };

    private static async Task<WebApplication> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddSingleton<CountingInterceptor>();
        builder.Services
            .AddGrpc(options =>
            {
                options.MaxReceiveMessageSize = 1024 * 1024;
                options.MaxSendMessageSize = 1024 * 1024;
                options.EnableDetailedErrors = false;
                options.IgnoreUnknownServices = false;
                options.ResponseCompressionAlgorithm = "gzip";
                options.ResponseCompressionLevel = CompressionLevel.Fastest;
                options.CompressionProviders.Add(new GzipCompressionProvider(CompressionLevel.Optimal));
                options.Interceptors.Add<CountingInterceptor>();
            })
            .AddServiceOptions<GreeterService>(options => options.MaxReceiveMessageSize = 2 * 1024 * 1024);
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpcHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy());
        var app = builder.Build();
        app.UseRouting();
        app.UseGrpcWeb(new Grpc.AspNetCore.Web.GrpcWebOptions { DefaultEnabled = false });
        app.MapGrpcService<GreeterService>().EnableGrpcWeb();
        app.MapGrpcReflectionService();
        app.MapGrpcHealthChecksService();
        await app.StartAsync(Stop);
        return app;
    }
}
