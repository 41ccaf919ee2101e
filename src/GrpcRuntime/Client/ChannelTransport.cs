using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;

namespace Grpc.Net.Client;

/// <summary>What the options of a channel say about its connections.</summary>
internal static class ChannelTransport
{
    // As often as names usually change.
    private static readonly TimeSpan DnsRefreshInterval = TimeSpan.FromMinutes(5);

    /// <summary>The resolvers of an address whose scheme is not HTTP's.</summary>
    /// <exception cref="ArgumentException">There are none for the scheme.</exception>
    public static ResolverFactory FindResolvers(Uri address, GrpcChannelOptions options)
    {
        var given = (IEnumerable<ResolverFactory>?)options.ServiceProvider?.GetService(typeof(IEnumerable<ResolverFactory>)) ?? [];
        return given.Append(new DnsResolverFactory(DnsRefreshInterval)).FirstOrDefault(resolvers => resolvers.Name == address.Scheme)
            ?? throw new ArgumentException($"The address of a channel starts with http:// or https://, or its ServiceProvider has a ResolverFactory for '{address.Scheme}'.", nameof(address));
    }

    /// <summary>Whether each call goes to the next address.</summary>
    /// <exception cref="InvalidOperationException">None of the policies is known.</exception>
    public static bool IsRoundRobin(GrpcChannelOptions options)
    {
        if (options.ServiceConfig is not { LoadBalancingConfigs: { Count: > 0 } configs })
        {
            return false;
        }

        return configs.FirstOrDefault(config => config.PolicyName is LoadBalancingConfig.PickFirstPolicyName or LoadBalancingConfig.RoundRobinPolicyName) is { } known
            ? known.PolicyName == LoadBalancingConfig.RoundRobinPolicyName
            : throw new InvalidOperationException("None of the LoadBalancingConfigs is pick_first or round_robin.");
    }

    /// <summary>Whether the channel makes its connections itself.</summary>
    public static bool CanConnect(GrpcChannelOptions options) => options.HttpClient is null && options.HttpHandler is null;

    /// <summary>What sends, and whether it is the channel's to dispose of.</summary>
    public static (HttpMessageInvoker Invoker, bool Dispose) CreateInvoker(GrpcChannelOptions options, ConnectionManager? connections)
    {
        if (options.HttpClient is not null)
        {
            return connections is null
                ? (options.HttpClient, options.DisposeHttpClient)
                : throw new InvalidOperationException("A channel whose addresses are resolved cannot have an HttpClient: set a HttpHandler.");
        }

        if (options.HttpHandler is not null)
        {
            if (connections is not null)
            {
                Connect(options.HttpHandler, connections);
            }

            return (new HttpMessageInvoker(options.HttpHandler, options.DisposeHttpClient), true);
        }

        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectCallback = connections!.OpenAsync,
        };
        return (new HttpMessageInvoker(handler, disposeHandler: true), true);
    }

    private static void Connect(HttpMessageHandler handler, ConnectionManager connections)
    {
        while (handler is DelegatingHandler { InnerHandler: { } inner })
        {
            handler = inner;
        }

        if (handler is not SocketsHttpHandler { ConnectCallback: null } sockets)
        {
            throw new InvalidOperationException("A channel whose addresses are resolved makes its connections itself: its HttpHandler has to come down to a SocketsHttpHandler without a ConnectCallback.");
        }

        sockets.ConnectCallback = connections.OpenAsync;
    }
}
