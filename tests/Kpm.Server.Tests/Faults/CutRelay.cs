using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Kpm.Server.Tests.Faults;

/// <summary>A network in front of a server: an address that stays while servers come and go, and connections that can be cut at any byte.</summary>
internal sealed class CutRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, TcpClient> _connections = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private volatile Uri _target;

    public CutRelay(Uri target)
    {
        _target = target;
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync();
    }

    public Uri Address { get; }

    /// <summary>Where new connections go from now on.</summary>
    public void Target(Uri target) => _target = target;

    /// <summary>Resets connections, each with that probability: what was under way is lost, in both directions.</summary>
    public int Cut(Random random, double probability)
    {
        var cut = 0;
        foreach (var (client, server) in _connections)
        {
            if (random.NextDouble() < probability)
            {
                cut++;
                Reset(client);
                Reset(server);
            }
        }

        return cut;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut(new Random(0), 1);
        await _accepting;
        _stop.Dispose();
    }

    private static void Reset(TcpClient connection)
    {
        try
        {
            connection.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or NullReferenceException)
        {
            // It was closed already.
        }

        connection.Dispose();
    }

    private async Task AcceptAsync()
    {
        var relays = new List<Task>();
        try
        {
            while (true)
            {
                relays.Add(RelayAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The relay is disposed.
        }

        await Task.WhenAll(relays);
    }

    private async Task RelayAsync(TcpClient client)
    {
        using var server = new TcpClient { NoDelay = true };
        using (client)
        {
            try
            {
                client.NoDelay = true;
                await server.ConnectAsync(_target.Host, _target.Port, _stop.Token);
                _connections[client] = server;
                var (from, to) = (client.GetStream(), server.GetStream());
                await Task.WhenAny(from.CopyToAsync(to, _stop.Token), to.CopyToAsync(from, _stop.Token)).Unwrap();
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
            {
                // Cut, or there is no server at the moment: the client sees its connection end.
            }
            finally
            {
                _connections.TryRemove(client, out _);
            }
        }
    }
}
