using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Kpm.Server.Rpc;

/// <summary>
/// Behind proxies, the client is the rightmost entry of X-Forwarded-For that no configured proxy wrote: what stands further
/// left, or comes over a connection of anybody else, is a claim.
/// </summary>
internal static class ForwardedClients
{
    /// <summary>Nothing is read, and no call pays for it, unless proxies are configured.</summary>
    public static void UseForwardedClients(this IApplicationBuilder app, IReadOnlyList<string> proxies)
    {
        if (proxies.Count == 0)
        {
            return;
        }

        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor, ForwardLimit = null };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var proxy in proxies)
        {
            options.KnownIPNetworks.Add(Parse(proxy));
        }

        app.UseForwardedHeaders(options);
    }

    /// <exception cref="StartException">An entry is neither an address nor a network.</exception>
    public static void Validate(IReadOnlyList<string> proxies)
    {
        foreach (var proxy in proxies)
        {
            Parse(proxy);
        }
    }

    private static IPNetwork Parse(string proxy)
    {
        if (IPAddress.TryParse(proxy, out var address))
        {
            return new IPNetwork(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
        }

        return IPNetwork.TryParse(proxy, out var network)
            ? network
            : throw new StartException($"Kpm:Proxies has \"{proxy}\", which is neither an address nor a network. Write it like 10.0.0.7, 10.0.0.0/24 or fd00::/8.");
    }
}
