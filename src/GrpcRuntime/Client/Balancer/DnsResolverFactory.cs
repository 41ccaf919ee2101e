using System.Net;
using System.Net.Sockets;
using Grpc.Core;

namespace Grpc.Net.Client.Balancer;

/// <summary>All addresses of a name: the scheme <c>dns</c>.</summary>
public sealed class DnsResolverFactory : ResolverFactory
{
    private readonly TimeSpan _refreshInterval;

    /// <summary>The name is looked up again at this interval, and when an address does not answer.</summary>
    public DnsResolverFactory(TimeSpan refreshInterval) => _refreshInterval = refreshInterval;

    /// <inheritdoc/>
    public override string Name => "dns";

    /// <inheritdoc/>
    public override Resolver Create(ResolverOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new DnsResolver(options, _refreshInterval);
    }

    private sealed class DnsResolver : Resolver
    {
        // Many addresses may fail at once: the name is not looked up for each.
        private static readonly TimeSpan ShortestInterval = TimeSpan.FromSeconds(15);

        private readonly Lock _gate = new();
        private readonly CancellationTokenSource _stop = new();
        private readonly TimeProvider _time;
        private readonly TimeSpan _interval;
        private readonly string _host;
        private readonly int _port;
        private Action<ResolverResult>? _listener;
        private ITimer? _timer;
        private long _lookedUpAt;
        private bool _lookingUp;

        public DnsResolver(ResolverOptions options, TimeSpan interval)
        {
            // dns:///host:port; in dns://server/host:port the name server is that of the machine all the same.
            var target = new Uri($"http://{options.Address.AbsolutePath.TrimStart('/')}");
            _host = target.IdnHost;
            _port = target.IsDefaultPort && !options.Address.AbsolutePath.EndsWith($":{target.Port}", StringComparison.Ordinal) ? options.DefaultPort : target.Port;
            _interval = interval;
            _time = options.ChannelOptions.TimeProvider;
        }

        public override void Start(Action<ResolverResult> listener)
        {
            _listener = listener;
            if (_interval != Timeout.InfiniteTimeSpan)
            {
                _timer = _time.CreateTimer(static resolver => ((DnsResolver)resolver!).Refresh(), this, _interval, _interval);
            }

            Refresh();
        }

        public override void Refresh()
        {
            lock (_gate)
            {
                if (_lookingUp || (_lookedUpAt != 0 && _time.GetElapsedTime(_lookedUpAt) < ShortestInterval))
                {
                    return;
                }

                _lookingUp = true;
            }

            _ = LookUpAsync();
        }

        protected override void Dispose(bool disposing)
        {
            _stop.Cancel();
            _timer?.Dispose();
            base.Dispose(disposing);
        }

        private async Task LookUpAsync()
        {
            ResolverResult result;
            try
            {
                var found = await Dns.GetHostAddressesAsync(_host, _stop.Token);
                result = ResolverResult.ForResult([.. found.Select(address => new BalancerAddress(address.ToString(), _port) { HostOverride = $"{_host}:{_port}" })]);
            }
            catch (SocketException e)
            {
                result = ResolverResult.ForFailure(new Status(StatusCode.Unavailable, $"The name '{_host}' cannot be resolved.", e));
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            finally
            {
                lock (_gate)
                {
                    _lookingUp = false;
                    _lookedUpAt = _time.GetTimestamp();
                }
            }

            _listener!(result);
        }
    }
}
