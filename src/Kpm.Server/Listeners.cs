using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Kpm.Server;

/// <summary>What the server listens at, by name; with the real ports once it is started.</summary>
internal sealed class Listeners
{
    public const string Main = "main";
    public const string Pages = "pages";

    private readonly ConcurrentDictionary<string, ListenOptions> _listeners = new(StringComparer.Ordinal);

    public void Add(string name, ListenOptions listener) => _listeners[name] = listener;

    /// <summary>Kestrel writes the port that it got into the options that it was given.</summary>
    public IPEndPoint? Find(string name) => _listeners.GetValueOrDefault(name)?.IPEndPoint;
}
