using System.Net;

namespace Grpc.Net.Client.Balancer;

/// <summary>An address that calls of a channel may go to.</summary>
public sealed class BalancerAddress
{
    /// <summary>An address.</summary>
    public BalancerAddress(DnsEndPoint endPoint)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        EndPoint = endPoint;
    }

    /// <summary>An address.</summary>
    public BalancerAddress(string host, int port)
        : this(new DnsEndPoint(host, port))
    {
    }

    /// <summary>Host and port.</summary>
    public DnsEndPoint EndPoint { get; }

    /// <summary>The name that the server goes by, where that is not the host: what TLS checks, and what it is called in requests.</summary>
    internal string? HostOverride { get; init; }

    /// <inheritdoc/>
    public override string ToString() => EndPoint.Host.Contains(':', StringComparison.Ordinal) ? $"[{EndPoint.Host}]:{EndPoint.Port}" : $"{EndPoint.Host}:{EndPoint.Port}";
}
