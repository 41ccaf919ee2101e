using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client.Calls;

namespace Grpc.Net.Client.Balancer;

/// <summary>
/// One address of a channel, and how it stands to it. It connects on its own, and gives the connection to the HTTP client
/// with the first call.
/// </summary>
internal sealed class Subchannel(ConnectionManager manager, BalancerAddress address)
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(20);
    private const double BackoffMultiplier = 1.6;

    private readonly ConcurrentDictionary<IMethod, Uri> _uris = new();
    private Socket? _socket;
    private int _failures;
    private int _open;
    private bool _connecting;
    private bool _removed;

    public BalancerAddress Address { get; } = address;

    /// <summary>Read and written under the manager's lock, as is all that follows it.</summary>
    public ConnectivityState State { get; private set; }

    /// <summary>Why the last attempt failed.</summary>
    public Exception? Failure { get; private set; }

    public Uri UriOf(IMethod method) => _uris.TryGetValue(method, out var uri)
        ? uri
        : _uris.GetOrAdd(method, new Uri($"{manager.Scheme}://{Address}{method.FullName}"));

    /// <summary>Under the lock: connects, and goes on trying, unless it does already.</summary>
    public void Connect()
    {
        if (_connecting || State is ConnectivityState.Ready or ConnectivityState.Shutdown)
        {
            return;
        }

        // After a failure it is known to have failed until it is connected: calls do not wait for each new attempt.
        State = State == ConnectivityState.Idle ? ConnectivityState.Connecting : State;
        _connecting = true;
        _ = KeepConnectingAsync(pause: null);
    }

    /// <summary>Under the lock: a call found that nobody is there.</summary>
    public void Fail(Exception failure)
    {
        if (_removed || State == ConnectivityState.TransientFailure)
        {
            return;
        }

        Failure = failure;
        State = ConnectivityState.TransientFailure;
        Drop();
        if (manager.IsBalancing && !_connecting)
        {
            _connecting = true;
            _ = KeepConnectingAsync(NextPause());
        }
    }

    /// <summary>Under the lock: the resolver no longer knows the address. Its calls go on.</summary>
    public void Remove()
    {
        _removed = true;
        State = ConnectivityState.Shutdown;
        Drop();
    }

    /// <summary>The connection for the HTTP client: the one that waits for it, or a new one.</summary>
    public async ValueTask<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        if (TakeWaiting() is { } waiting)
        {
            return new Connection(waiting, this);
        }

        manager.Change(() => State = State == ConnectivityState.Idle ? ConnectivityState.Connecting : State);
        try
        {
            var socket = await ConnectAsync(Address.EndPoint, cancellationToken);
            manager.Change(() =>
            {
                _open++;
                Succeed();
            });
            return new Connection(socket, this);
        }
        catch (Exception e)
        {
            manager.Change(() => Fail(e));
            throw;
        }
    }

    public static async Task<Socket> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task KeepConnectingAsync(TimeSpan? pause)
    {
        // The lock is held by whoever started this.
        await Task.Yield();
        while (true)
        {
            try
            {
                if (pause is { } delay)
                {
                    await Task.Delay(delay, manager.Time, manager.Disposing);
                }

                using var limit = CancellationTokenSource.CreateLinkedTokenSource(manager.Disposing);
                limit.CancelAfter(ConnectTimeout);
                var socket = await ConnectAsync(Address.EndPoint, limit.Token);
                manager.Change(() => Keep(socket));
                return;
            }
            catch (OperationCanceledException) when (manager.Disposing.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                manager.Change(() =>
                {
                    Failure = e;
                    State = _removed ? ConnectivityState.Shutdown : ConnectivityState.TransientFailure;
                    pause = NextPause();
                    _connecting = !_removed;
                });
                if (_removed)
                {
                    return;
                }
            }
        }
    }

    private void Keep(Socket socket)
    {
        _connecting = false;
        if (_removed)
        {
            socket.Dispose();
            return;
        }

        Drop();
        _socket = socket;
        Succeed();
    }

    private void Succeed()
    {
        if (!_removed)
        {
            _failures = 0;
            Failure = null;
            State = ConnectivityState.Ready;
        }
    }

    private TimeSpan NextPause() => Backoff.Pause(manager.InitialBackoff, manager.LongestBackoff, BackoffMultiplier, ++_failures);

    private void Drop()
    {
        _socket?.Dispose();
        _socket = null;
    }

    private Socket? TakeWaiting()
    {
        Socket? taken = null;
        manager.Change(() =>
        {
            if (_socket is null)
            {
                return;
            }

            // A server speaks first in HTTP/2, but only after its client: what is readable now is the end.
            if (_socket.Poll(0, SelectMode.SelectRead))
            {
                Drop();
                return;
            }

            taken = _socket;
            _socket = null;
            _open++;
        });
        return taken;
    }

    private void Closed() => manager.Change(() =>
    {
        if (--_open == 0 && _socket is null && State == ConnectivityState.Ready)
        {
            State = ConnectivityState.Idle;
        }
    });

    /// <summary>Tells when the HTTP client closes it, which it does as soon as the server has.</summary>
    private sealed class Connection(Socket socket, Subchannel owner) : NetworkStream(socket, ownsSocket: true)
    {
        private int _closed;

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            if (disposing && Interlocked.Exchange(ref _closed, 1) == 0)
            {
                owner.Closed();
            }
        }
    }
}
