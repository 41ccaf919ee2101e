using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Kpm.Server.Listening;

/// <summary>Metadata of an endpoint: the listeners that serve it. An endpoint that does not say is served on the main one only.</summary>
internal sealed record ServedOn(params Listener[] Listeners);

/// <summary>What the server listens at, with the real ports once it is started.</summary>
internal sealed class Listeners
{
    private readonly ConcurrentDictionary<Listener, ListenOptions> _listeners = new();

    /// <summary>Remembers the listener, and marks its connections. The main one, which has nearly all, leaves them unmarked.</summary>
    public void Add(Listener listener, ListenOptions listen)
    {
        _listeners[listener] = listen;
        if (listener != Listener.Main)
        {
            var mark = new ListenerMark(listener);
            listen.Use(next => connection =>
            {
                connection.Features.Set(mark);
                return next(connection);
            });
        }
    }

    /// <summary>Kestrel writes the port that it got into the options that it was given.</summary>
    public IPEndPoint? Find(Listener listener) => _listeners.GetValueOrDefault(listener)?.IPEndPoint;
}

/// <summary>Which listener a connection came through.</summary>
internal sealed record ListenerMark(Listener Listener);

internal static class ListenersExtensions
{
    /// <summary>
    /// Behind routing: what another listener serves does not exist on this one, whatever the Host header says. A gRPC
    /// caller hears what it hears of any service that is not there.
    /// </summary>
    public static void UseListeners(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        var listener = context.Features.Get<ListenerMark>()?.Listener ?? Listener.Main;
        var served = context.GetEndpoint()?.Metadata.GetMetadata<ServedOn>();
        return (served is null ? listener == Listener.Main : Array.IndexOf(served.Listeners, listener) >= 0) ? next(context) : RefuseAsync(context);
    });

    private static Task RefuseAsync(HttpContext context)
    {
        if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) != true)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        // Trailers-Only, as the gRPC protocol writes an immediate refusal.
        context.Response.ContentType = "application/grpc";
        context.Response.Headers["grpc-status"] = "12";
        context.Response.Headers["grpc-message"] = "Service is unimplemented.";
        return Task.CompletedTask;
    }
}
