using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Kpm.Server.Listening;

/// <summary>What a port is for.</summary>
internal enum Listener
{
    /// <summary>What apps call.</summary>
    Main,

    /// <summary>The web pages behind mailed links, where they do not share the main port.</summary>
    Pages,

    /// <summary>What operators of support call.</summary>
    Support,
}

/// <summary>A port that the options ask for, and the option that names it.</summary>
internal sealed record ListenerPlan(Listener Listener, string Option, IPEndPoint EndPoint, HttpProtocols Protocols, bool Tls)
{
    /// <summary>In the order in which they are bound, the main one first.</summary>
    public static IReadOnlyList<ListenerPlan> Of(ServerOptions options)
    {
        // With TLS, browsers and gRPC clients say in the handshake what they speak; without it, a connection must be told apart by its port.
        var protocols = options.UsesTls && options.Pages.Served ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http2;
        List<ListenerPlan> plans = [new(Listener.Main, "--listen", options.EndPoint, protocols, options.UsesTls)];
        if (options.Pages.EndPoint(options.EndPoint, options.UsesTls) is { } pages)
        {
            plans.Add(new(Listener.Pages, "--pages", pages, HttpProtocols.Http1, Tls: false));
        }

        if (options.SupportListen.Length > 0)
        {
            plans.Add(new(Listener.Support, "--support-listen", options.SupportAddress.EndPoint, HttpProtocols.Http2, options.UsesTls));
        }

        return plans;
    }

    /// <summary>The plans that a failed bind is about: the one that the failure names, or any of them.</summary>
    public static (string At, string Option) Blame(ServerOptions options, Exception failure)
    {
        var all = Of(options);
        var named = all.Where(p => failure.Message.Contains($"//{p.EndPoint}:", StringComparison.Ordinal)).ToList();
        IReadOnlyList<ListenerPlan> blamed = named.Count > 0 ? named : all;
        return (string.Join(" or ", blamed.Select(p => p.EndPoint.ToString())), string.Join(" or ", blamed.Select(p => p.Option)));
    }
}
