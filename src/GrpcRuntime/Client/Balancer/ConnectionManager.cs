using System.Net.Sockets;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Grpc.Net.Client.Balancer;

/// <summary>
/// The addresses of a channel and their states. With a resolver it also chooses one of them for each call: in turn, or
/// always the first that answers. Without one it only tells how the channel stands.
/// </summary>
internal sealed class ConnectionManager : IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _disposing = new();
    private readonly ILogger _logger;
    private readonly bool _roundRobin;
    private Resolver? _resolver;
    private List<Subchannel> _subchannels = [];
    private Subchannel[] _ready = [];
    private TaskCompletionSource _changed = NewSource();
    private Status? _resolverFailure;
    private bool _active;
    private bool _disposed;
    private int _next;

    private ConnectionManager(string scheme, GrpcChannelOptions options, bool roundRobin, bool isBalancing, ILogger logger)
    {
        Scheme = scheme;
        Time = options.TimeProvider;
        InitialBackoff = options.InitialReconnectBackoff;
        LongestBackoff = options.MaxReconnectBackoff ?? TimeSpan.MaxValue;
        IsBalancing = isBalancing;
        _roundRobin = roundRobin;
        _logger = logger;
    }

    public string Scheme { get; }

    public TimeProvider Time { get; }

    public TimeSpan InitialBackoff { get; }

    public TimeSpan LongestBackoff { get; }

    /// <summary>Whether calls ask for an address.</summary>
    public bool IsBalancing { get; }

    public CancellationToken Disposing => _disposing.Token;

    public ConnectivityState State { get; private set; }

    /// <summary>For a channel with one address, whose calls go there anyway.</summary>
    public static ConnectionManager ForAddress(Uri address, GrpcChannelOptions options, ILogger logger)
    {
        var manager = new ConnectionManager(address.Scheme, options, roundRobin: false, isBalancing: false, logger);
        manager._subchannels.Add(new Subchannel(manager, new BalancerAddress(address.IdnHost, address.Port)));
        return manager;
    }

    /// <summary>For a channel whose addresses a resolver finds.</summary>
    public static ConnectionManager ForResolver(Resolver resolver, string scheme, GrpcChannelOptions options, bool roundRobin, ILogger logger) =>
        new(scheme, options, roundRobin, isBalancing: true, logger) { _resolver = resolver };

    /// <summary>The address of the next call. While there is none, a call waits, or fails unless it is told to wait for it.</summary>
    /// <exception cref="RpcException">No address can be reached now.</exception>
    public async ValueTask<Subchannel> PickAsync(bool waitForReady, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                Activate();
                if (_ready.Length != 0)
                {
                    return _ready[_roundRobin ? (int)((uint)_next++ % (uint)_ready.Length) : 0];
                }

                if (State == ConnectivityState.TransientFailure && !waitForReady)
                {
                    throw new RpcException(Failure());
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>A call found that nobody is at an address.</summary>
    public void Failed(Subchannel subchannel, Exception failure) => Change(() => subchannel.Fail(failure));

    /// <summary>Connects, and waits until a connection is there.</summary>
    public async Task ConnectAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, typeof(GrpcChannel));
                Activate();
                if (State == ConnectivityState.Ready)
                {
                    return;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    public async Task WaitForStateChangedAsync(ConnectivityState last, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (State != last)
                {
                    return;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>What the HTTP client calls to connect.</summary>
    public async ValueTask<Stream> OpenAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        Subchannel? subchannel;
        lock (_gate)
        {
            subchannel = _subchannels.Find(each => each.Address.EndPoint.Equals(context.DnsEndPoint));
        }

        // None for a proxy, and for an address that was removed while a call was on its way to it.
        return subchannel is not null
            ? await subchannel.OpenAsync(cancellationToken)
            : new NetworkStream(await Subchannel.ConnectAsync(context.DnsEndPoint, cancellationToken), ownsSocket: true);
    }

    /// <summary>Runs a change of a subchannel, and draws the conclusions.</summary>
    public void Change(Action change)
    {
        bool failed;
        lock (_gate)
        {
            change();
            if (_disposed)
            {
                return;
            }

            failed = Update();
        }

        if (failed)
        {
            _resolver?.Refresh();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _subchannels.ForEach(subchannel => subchannel.Remove());
            _ready = [];
            SetState(ConnectivityState.Shutdown);
            Pulse();
        }

        _disposing.Cancel();
        _resolver?.Dispose();
        _disposing.Dispose();
    }

    /// <summary>Somebody wants a connection.</summary>
    private void Activate()
    {
        if (!_active)
        {
            _active = true;
            if (_resolver is not null)
            {
                SetState(ConnectivityState.Connecting);
                // Not under the lock: a resolver may answer at once.
                _ = Task.Run(() => _resolver.Start(OnResolved));
            }
        }

        ConnectIdle(wanted: true);
    }

    private void OnResolved(ResolverResult result) => Change(() =>
    {
        if (result.Addresses is not { } addresses)
        {
            Log.ResolverFailed(_logger, result.Status.Detail);
            _resolverFailure = result.Status;
            return;
        }

        _resolverFailure = addresses.Count == 0 ? new Status(StatusCode.Unavailable, "The resolver found no address.") : null;
        var before = _subchannels.ToDictionary(subchannel => subchannel.Address.EndPoint);
        _subchannels = [.. addresses.DistinctBy(address => address.EndPoint).Select(address => before.Remove(address.EndPoint, out var known) ? known : new Subchannel(this, address))];
        foreach (var removed in before.Values)
        {
            removed.Remove();
        }
    });

    /// <summary>Under the lock: state and choice out of the states of the subchannels. True when an address failed.</summary>
    private bool Update()
    {
        ConnectIdle(wanted: false);
        var ready = _subchannels.FindAll(subchannel => subchannel.State == ConnectivityState.Ready);
        // The first that answered is kept while it does.
        _ready = _roundRobin ? [.. ready] : ready.Count == 0 ? [] : _ready is [var current] && ready.Contains(current) ? [current] : [ready[0]];
        var failed = _subchannels.Exists(subchannel => subchannel.State == ConnectivityState.TransientFailure);
        SetState(
            ready.Count != 0 ? ConnectivityState.Ready
            : _subchannels.Exists(subchannel => subchannel.State == ConnectivityState.Connecting) ? ConnectivityState.Connecting
            : _subchannels.Exists(subchannel => subchannel.State == ConnectivityState.Idle) ? ConnectivityState.Idle
            : failed || _resolverFailure is not null ? ConnectivityState.TransientFailure
            : State);
        Pulse();
        return failed;
    }

    /// <summary>Under the lock: in turn, every address is to be connected; otherwise one after the other, where one is wanted.</summary>
    private void ConnectIdle(bool wanted)
    {
        if (!_active || _disposed)
        {
            return;
        }

        if (_roundRobin)
        {
            _subchannels.ForEach(subchannel => subchannel.Connect());
            return;
        }

        var trying = _subchannels.Exists(subchannel => subchannel.State is ConnectivityState.Connecting or ConnectivityState.Ready);
        if (!trying && (wanted || State == ConnectivityState.Connecting))
        {
            (_subchannels.Find(subchannel => subchannel.State == ConnectivityState.Idle) ?? _subchannels.FirstOrDefault())?.Connect();
        }
    }

    private void SetState(ConnectivityState state)
    {
        if (State != state)
        {
            Log.StateChanged(_logger, State, state);
            State = state;
        }
    }

    private void Pulse()
    {
        var changed = _changed;
        _changed = NewSource();
        changed.SetResult();
    }

    private Status Failure() => _resolverFailure
        ?? new Status(
            StatusCode.Unavailable,
            "No address of the channel can be reached.",
            _subchannels.FindLast(subchannel => subchannel.Failure is not null)?.Failure);

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
