using System.Net;
using Grpc.Core;

namespace Kpm.Server.Rpc;

internal static class ClientAddresses
{
    /// <summary>Where the call comes from; an IPv4 address as such, also on a socket of both families.</summary>
    public static IPAddress ClientAddress(this ServerCallContext context)
    {
        var address = context.GetHttpContext().Connection.RemoteIpAddress ?? IPAddress.None;
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }
}
