using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace GrpcRuntime.Tests.Client;

/// <summary>Channels with several addresses, and how channels stand to their servers.</summary>
public sealed class BalancerTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Round_robin_shares_calls_out_evenly()
    {
        await using var servers = await Servers.StartAsync(3);
        using var channel = RoundRobin(servers.Addresses);
        await AllReadyAsync(channel, 3);
        var before = servers.Counts;

        for (var i = 0; i < 30; i++)
        {
            await channel.Call();
        }

        Assert.Equal([10, 10, 10], servers.Counts.Zip(before, (after, earlier) => after - earlier));
    }

    [Fact]
    public async Task Round_robin_passes_over_who_is_not_there_and_comes_back_to_it()
    {
        await using var servers = await Servers.StartAsync(2);
        var away = FreePort();
        using var channel = RoundRobin([.. servers.Addresses, new BalancerAddress("127.0.0.1", away)]);
        for (var i = 0; i < 20; i++)
        {
            await channel.Call();
        }

        Assert.Equal(20, servers.Counts.Sum());
        var answered = 0;
        await using var late = await RawPeer.StartAsync(context => AnswerAsync(context, () => answered++), away);
        await AllReadyAsync(channel, 3);

        await UntilAsync(async () =>
        {
            await channel.Call();
            return answered > 0;
        });
    }

    [Fact]
    public async Task No_call_is_lost_when_one_of_the_servers_stops_where_calls_may_be_tried_again()
    {
        await using var servers = await Servers.StartAsync(3);
        // What was on its way to the server that stops may have been carried out: only a retry policy says that this is no harm.
        using var channel = Channel(new StaticResolverFactory(_ => servers.Addresses), new RoundRobinConfig(), retry: new RetryPolicy
        {
            MaxAttempts = 3,
            InitialBackoff = TimeSpan.FromMilliseconds(1),
            MaxBackoff = TimeSpan.FromMilliseconds(1),
            BackoffMultiplier = 1,
            RetryableStatusCodes = { StatusCode.Unavailable },
        });
        await AllReadyAsync(channel, 3);
        for (var i = 0; i < 6; i++)
        {
            await channel.Call();
        }

        await servers.StopAsync(1);
        for (var i = 0; i < 60; i++)
        {
            await channel.Call();
        }

        Assert.True(servers.Counts.Sum() >= 66, "Calls were answered by nobody.");
    }

    [Fact]
    public async Task Pick_first_stays_with_the_first_that_answers_and_goes_on_to_the_next()
    {
        await using var servers = await Servers.StartAsync(2);
        using var channel = Channel([new BalancerAddress("127.0.0.1", FreePort()), .. servers.Addresses], policy: null);
        for (var i = 0; i < 5; i++)
        {
            await channel.Call();
        }

        Assert.Equal([5, 0], servers.Counts);
        var lost = channel.WaitForStateChangedAsync(ConnectivityState.Ready, Stop);
        await servers.StopAsync(0);
        await lost.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        for (var i = 0; i < 5; i++)
        {
            await channel.Call();
        }

        Assert.Equal([5, 5], servers.Counts);
    }

    [Fact]
    public async Task Without_any_server_calls_fail_at_once_or_wait_as_they_are_told()
    {
        var port = FreePort();
        using var channel = RoundRobin([new BalancerAddress("127.0.0.1", port), new BalancerAddress("127.0.0.1", FreePort())]);

        var error = await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        Assert.IsType<SocketException>(error.Status.DebugException);
        Assert.Equal(ConnectivityState.TransientFailure, channel.State);
        using var waiting = channel.Call(options: new CallOptions().WithWaitForReady());
        await channel.Call(options: new CallOptions(deadline: DateTime.UtcNow.AddMilliseconds(50)).WithWaitForReady()).ResponseAsync.FailsAsync(StatusCode.DeadlineExceeded);
        Assert.False(waiting.ResponseAsync.IsCompleted);

        await using var late = await RawPeer.StartAsync(context => AnswerAsync(context, () => { }), port);
        Assert.Equal("done", await waiting.ResponseAsync.WaitAsync(TimeSpan.FromSeconds(30), Stop));
    }

    [Fact]
    public async Task What_the_resolver_finds_replaces_what_it_found_before()
    {
        await using var servers = await Servers.StartAsync(2);
        var resolver = new ManualResolver();
        using var channel = Channel(resolver, new RoundRobinConfig());
        var first = channel.Call();
        await UntilAsync(() => Task.FromResult(resolver.Listener is not null));
        Assert.False(first.ResponseAsync.IsCompleted);

        resolver.Listener!(ResolverResult.ForFailure(new Status(StatusCode.Unavailable, "no such name")));
        Assert.Equal("no such name", (await first.ResponseAsync.FailsAsync(StatusCode.Unavailable)).Status.Detail);
        resolver.Listener(ResolverResult.ForResult([servers.Addresses[0]]));
        Assert.Equal("done", await channel.Call());
        resolver.Listener(ResolverResult.ForFailure(new Status(StatusCode.Unavailable, "not now")));
        Assert.Equal("done", await channel.Call());
        resolver.Listener(ResolverResult.ForResult([servers.Addresses[1]]));
        Assert.Equal("done", await channel.Call());
        Assert.Equal([2, 1], servers.Counts);

        await servers.StopAsync(1);
        await UntilAsync(() => Task.FromResult(resolver.Refreshes > 0));
        resolver.Listener(ResolverResult.ForResult([]));
        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
    }

    [Fact]
    public async Task A_name_is_resolved_to_all_its_addresses()
    {
        await using var servers = await Servers.StartAsync(1);
        using var channel = GrpcChannel.ForAddress($"dns:///localhost:{servers.Addresses[0].EndPoint.Port}", new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Insecure,
            ServiceConfig = new ServiceConfig { LoadBalancingConfigs = { new RoundRobinConfig() } },
        });

        Assert.Equal("done", await channel.Call());
        Assert.Equal($"localhost:{servers.Addresses[0].EndPoint.Port}", servers.Hosts.Single());
    }

    [Fact]
    public async Task A_channel_tells_how_it_stands_to_its_server()
    {
        var port = FreePort();
        var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}", new GrpcChannelOptions { InitialReconnectBackoff = TimeSpan.FromMilliseconds(20) });
        Assert.Equal(ConnectivityState.Idle, channel.State);
        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        Assert.Equal(ConnectivityState.TransientFailure, channel.State);

        var connecting = channel.ConnectAsync(Stop);
        await Task.Delay(50, Stop);
        Assert.False(connecting.IsCompleted);
        var connections = 0;
        var peer = await RawPeer.StartAsync(
            context => AnswerAsync(context, () => { }),
            listen: kestrel => kestrel.Listen(IPAddress.Loopback, port, listen =>
            {
                listen.Protocols = Microsoft.AspNetCore.Server.Kestrel.Core.HttpProtocols.Http2;
                listen.Use(next => connection =>
                {
                    Interlocked.Increment(ref connections);
                    return next(connection);
                });
            }));
        await connecting.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        Assert.Equal(ConnectivityState.Ready, channel.State);
        Assert.Equal("done", await channel.Call());
        Assert.Equal(1, connections);

        var changed = channel.WaitForStateChangedAsync(ConnectivityState.Ready, Stop);
        Assert.False(changed.IsCompleted);
        await peer.DisposeAsync();
        await changed.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        Assert.Equal(ConnectivityState.Idle, channel.State);

        channel.Dispose();
        Assert.Equal(ConnectivityState.Shutdown, channel.State);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => channel.ConnectAsync(Stop));
    }

    [Fact]
    public async Task A_handler_of_the_callers_is_used_where_it_comes_down_to_sockets()
    {
        await using var servers = await Servers.StartAsync(2);
        using var wrapped = Channel(servers.Addresses, new RoundRobinConfig(), new PassingHandler(new SocketsHttpHandler()));
        Assert.Equal("done", await wrapped.Call());
        Assert.Throws<InvalidOperationException>(() => Channel(servers.Addresses, new RoundRobinConfig(), new FixedHandler()));

        using var own = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler() });
        Assert.Throws<InvalidOperationException>(() => own.State);
    }

    [Fact]
    public void What_cannot_be_done_is_refused_when_the_channel_is_made()
    {
        Assert.Throws<ArgumentException>(() => GrpcChannel.ForAddress("nobody:///x", new GrpcChannelOptions { Credentials = ChannelCredentials.Insecure }));
        Assert.Throws<InvalidOperationException>(() => GrpcChannel.ForAddress("dns:///x"));
        Assert.Throws<InvalidOperationException>(() => Channel([], new LoadBalancingConfig("grpclb")));
        var hedging = new ServiceConfig { MethodConfigs = { new MethodConfig { Names = { MethodName.Default }, HedgingPolicy = new HedgingPolicy { MaxAttempts = 2 } } } };
        Assert.Throws<InvalidOperationException>(() => GrpcChannel.ForAddress("http://a", new GrpcChannelOptions { ServiceConfig = hedging }));
    }

    [Fact]
    public async Task The_logger_of_the_channel_hears_of_failures_and_states_and_of_no_content()
    {
        var log = new ListLogger();
        using var channel = Channel([new BalancerAddress("127.0.0.1", FreePort())], new RoundRobinConfig(), logger: log);

        await channel.Call("a secret message", new CallOptions([new Metadata.Entry("authorization", "a secret header")])).ResponseAsync.FailsAsync(StatusCode.Unavailable);

        Assert.Contains("The call of '/test.Raw/Unary' ended with Unavailable.", log.Lines);
        Assert.Contains("The channel was Connecting and is TransientFailure.", log.Lines);
        Assert.DoesNotContain(log.Lines, line => line.Contains("secret", StringComparison.Ordinal));
    }

    private static GrpcChannel RoundRobin(IReadOnlyList<BalancerAddress> addresses) => Channel(addresses, new RoundRobinConfig());

    private static GrpcChannel Channel(IReadOnlyList<BalancerAddress> addresses, LoadBalancingConfig? policy, HttpMessageHandler? handler = null, ILoggerFactory? logger = null) =>
        Channel(new StaticResolverFactory(_ => addresses), policy, handler, logger);

    private static GrpcChannel Channel(
        ResolverFactory resolvers, LoadBalancingConfig? policy, HttpMessageHandler? handler = null, ILoggerFactory? logger = null, RetryPolicy? retry = null)
    {
        var config = new ServiceConfig { MethodConfigs = { new MethodConfig { Names = { MethodName.Default }, RetryPolicy = retry } } };
        if (policy is not null)
        {
            config.LoadBalancingConfigs.Add(policy);
        }

        return GrpcChannel.ForAddress($"{resolvers.Name}:///my-service", new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Insecure,
            ServiceConfig = config,
            ServiceProvider = new ServiceCollection().AddSingleton(resolvers).BuildServiceProvider(),
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(50),
            MaxReconnectBackoff = TimeSpan.FromMilliseconds(200),
            HttpHandler = handler,
            DisposeHttpClient = true,
            LoggerFactory = logger,
        });
    }

    /// <summary>Calls until each of the servers has been chosen.</summary>
    private static Task AllReadyAsync(GrpcChannel channel, int count)
    {
        var peers = new ConcurrentDictionary<string, bool>();
        return UntilAsync(async () =>
        {
            using var call = channel.Call();
            await call;
            peers.TryAdd((await call.ResponseHeadersAsync).GetValue("x-server")!, true);
            return peers.Count == count;
        });
    }

    private static async Task UntilAsync(Func<Task<bool>> done)
    {
        for (var i = 0; i < 3_000; i++)
        {
            if (await done())
            {
                return;
            }

            await Task.Delay(10, Stop);
        }

        Assert.Fail("It did not happen.");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task AnswerAsync(HttpContext context, Action count)
    {
        count();
        context.Begin();
        context.Response.Headers["x-server"] = context.Connection.LocalPort.ToString(System.Globalization.CultureInfo.InvariantCulture);
        await context.SendAsync(Raw.Frame("done"));
        context.End(0);
    }

    private sealed class Servers : IAsyncDisposable
    {
        private readonly List<RawPeer> _peers = [];
        private readonly int[] _counts;

        private Servers(int count) => _counts = new int[count];

        public ConcurrentBag<string> Hosts { get; } = [];

        public IReadOnlyList<BalancerAddress> Addresses => [.. _peers.Select(peer => new BalancerAddress("127.0.0.1", new Uri(peer.Address).Port))];

        public IReadOnlyList<int> Counts => [.. _counts];

        public static async Task<Servers> StartAsync(int count)
        {
            var servers = new Servers(count);
            for (var i = 0; i < count; i++)
            {
                var number = i;
                servers._peers.Add(await RawPeer.StartAsync(context => AnswerAsync(context, () =>
                {
                    servers.Hosts.Add(context.Request.Host.Value!);
                    Interlocked.Increment(ref servers._counts[number]);
                })));
            }

            return servers;
        }

        public async Task StopAsync(int number) => await _peers[number].DisposeAsync();

        public async ValueTask DisposeAsync()
        {
            foreach (var peer in _peers)
            {
                await peer.DisposeAsync();
            }
        }
    }

    private sealed class ManualResolver : ResolverFactory
    {
        public Action<ResolverResult>? Listener { get; private set; }

        public int Refreshes { get; private set; }

        public override string Name => "manual";

        public override Resolver Create(ResolverOptions options)
        {
            Assert.Equal(("manual:///my-service", 80), (options.Address.ToString(), options.DefaultPort));
            return new Inner(this);
        }

        private sealed class Inner(ManualResolver owner) : Resolver
        {
            public override void Start(Action<ResolverResult> listener) => owner.Listener = listener;

            public override void Refresh() => owner.Refreshes++;
        }
    }

    private sealed class PassingHandler(HttpMessageHandler inner) : DelegatingHandler(inner);

    private sealed class FixedHandler : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    private sealed class ListLogger : ILoggerFactory, ILogger
    {
        private readonly ConcurrentQueue<string> _lines = [];

        public IEnumerable<string> Lines => _lines;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
