using System.Net;
using System.Net.Sockets;
using Grpc.Core;

namespace Kpm.Server.Rpc;

/// <summary>Where a call comes from, as far as counting goes.</summary>
internal static class ClientAddresses
{
    private const int PrefixBytes = 8;

    /// <summary>
    /// The client's IPv4 address, or the /64 of its IPv6 address, since a household has all addresses of its /64. Behind a
    /// configured proxy the connection's address is already the one that the proxy forwarded (<see cref="ForwardedClients"/>).
    /// </summary>
    public static string ClientAddress(this ServerCallContext context) => NetworkOf(context.GetHttpContext().Connection.RemoteIpAddress);

    /// <summary>"192.0.2.7", "2001:db8:1:2::/64"; "local" for a socket without addresses.</summary>
    public static string NetworkOf(IPAddress? address)
    {
        if (address is null)
        {
            return "local";
        }

        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address.ToString();
        }

        var bytes = address.GetAddressBytes();
        bytes.AsSpan(PrefixBytes).Clear();
        return new IPAddress(bytes) + "/64";
    }
}
