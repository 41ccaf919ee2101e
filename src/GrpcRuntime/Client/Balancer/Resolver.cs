using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Grpc.Net.Client.Balancer;

/// <summary>Finds the addresses behind the target of a channel, and tells when they change.</summary>
public abstract class Resolver : IDisposable
{
    /// <summary>Begins to resolve; every result goes to <paramref name="listener"/>. Called once.</summary>
    public abstract void Start(Action<ResolverResult> listener);

    /// <summary>Asks to resolve again, since an address does not answer.</summary>
    public virtual void Refresh()
    {
    }

    /// <summary>Stops resolving.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Stops resolving.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>Makes the resolvers of one scheme of addresses.</summary>
public abstract class ResolverFactory
{
    /// <summary>The scheme.</summary>
    public abstract string Name { get; }

    /// <summary>A resolver for a channel.</summary>
    public abstract Resolver Create(ResolverOptions options);
}

/// <summary>What a resolver is made for.</summary>
public sealed class ResolverOptions
{
    internal ResolverOptions(Uri address, int defaultPort, ILoggerFactory loggerFactory, GrpcChannelOptions channelOptions)
    {
        Address = address;
        DefaultPort = defaultPort;
        LoggerFactory = loggerFactory;
        ChannelOptions = channelOptions;
    }

    /// <summary>The address of the channel.</summary>
    public Uri Address { get; }

    /// <summary>The port where the address has none.</summary>
    public int DefaultPort { get; }

    /// <summary>Where to log.</summary>
    public ILoggerFactory LoggerFactory { get; }

    /// <summary>The options of the channel.</summary>
    public GrpcChannelOptions ChannelOptions { get; }
}

/// <summary>What a resolver found.</summary>
public sealed class ResolverResult
{
    private ResolverResult(Status status, IReadOnlyList<BalancerAddress>? addresses)
    {
        Status = status;
        Addresses = addresses;
    }

    /// <summary>OK, or why nothing was found.</summary>
    public Status Status { get; }

    /// <summary>The addresses; null when nothing was found.</summary>
    public IReadOnlyList<BalancerAddress>? Addresses { get; }

    /// <summary>The addresses could not be found.</summary>
    public static ResolverResult ForFailure(Status status) => status.StatusCode == StatusCode.OK
        ? throw new ArgumentException("A failure is not OK.", nameof(status))
        : new ResolverResult(status, addresses: null);

    /// <summary>The addresses, which replace those before.</summary>
    public static ResolverResult ForResult(IReadOnlyList<BalancerAddress> addresses)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        return new ResolverResult(Status.DefaultSuccess, addresses);
    }
}

/// <summary>Addresses that never change: the scheme <c>static</c>.</summary>
public sealed class StaticResolverFactory : ResolverFactory
{
    private readonly Func<Uri, IEnumerable<BalancerAddress>> _addresses;

    /// <summary>A function gives the addresses of a channel's target.</summary>
    public StaticResolverFactory(Func<Uri, IEnumerable<BalancerAddress>> addresses)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        _addresses = addresses;
    }

    /// <inheritdoc/>
    public override string Name => "static";

    /// <inheritdoc/>
    public override Resolver Create(ResolverOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new StaticResolver([.. _addresses(options.Address)]);
    }

    private sealed class StaticResolver(List<BalancerAddress> addresses) : Resolver
    {
        public override void Start(Action<ResolverResult> listener) => listener(ResolverResult.ForResult(addresses));
    }
}
