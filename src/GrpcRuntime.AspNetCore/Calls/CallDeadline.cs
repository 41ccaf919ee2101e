using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>
/// The deadline of a call. When it passes, the caller gets DEADLINE_EXCEEDED at once and the handler's token fires;
/// what the handler does then is no longer sent.
/// </summary>
internal sealed class CallDeadline : IDisposable
{
    public static readonly Status Exceeded = new(StatusCode.DeadlineExceeded, "Deadline Exceeded");

    // A timer cannot wait longer than some 49 days; a longer deadline is waited for in parts.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(30);

    private readonly ServerCall _call;
    private readonly long _started;
    private readonly TimeSpan _timeout;
    private ITimer? _timer;
    private CancellationTokenSource? _source;
    private Task? _ending;
    private bool _expired;
    private bool _stopped;

    public CallDeadline(ServerCall call, TimeSpan timeout)
    {
        _call = call;
        _timeout = timeout;
        _started = TimeProvider.System.GetTimestamp();
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        Utc = timeout < DateTime.MaxValue - now ? now + timeout : DateTime.MaxValue;
    }

    public DateTime Utc { get; }

    /// <summary>Held by whoever touches the response.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Fires when the deadline passes or the request is aborted; made when it is first asked for.</summary>
    public CancellationToken Token
    {
        get
        {
            lock (Gate)
            {
                if (_source is null)
                {
                    _source = CancellationTokenSource.CreateLinkedTokenSource(_call.RequestAborted);
                    if (_expired)
                    {
                        _source.Cancel();
                    }
                }

                return _source.Token;
            }
        }
    }

    public void Start()
    {
        lock (Gate)
        {
            // Assigned under the lock, since a short timer fires before this returns.
            _timer = TimeProvider.System.CreateTimer(static state => ((CallDeadline)state!).OnTimer(), this, NextWait(), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>After the handler: no timer touches the call from now on, but for an ending that is under way.</summary>
    public Task? Stop()
    {
        Task? ending;
        lock (Gate)
        {
            _stopped = true;
            ending = _ending;
        }

        Dispose();
        return ending;
    }

    public void Dispose()
    {
        _timer?.Dispose();
        _source?.Dispose();
    }

    private TimeSpan NextWait()
    {
        var left = _timeout - TimeProvider.System.GetElapsedTime(_started);
        return left < TimeSpan.Zero ? TimeSpan.Zero : left < LongestWait ? left : LongestWait;
    }

    private void OnTimer()
    {
        CancellationTokenSource? source;
        lock (Gate)
        {
            if (_stopped)
            {
                return;
            }

            var wait = NextWait();
            if (wait > TimeSpan.Zero)
            {
                // Whole milliseconds at least: a timer waits for nothing shorter.
                _timer!.Change(TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
                return;
            }

            _expired = true;
            source = _source;
            if (_call.EndByDeadline())
            {
                Log.DeadlineExceeded(_call.Handler.Logger, _call.Method, _timeout);
                _ending = CompleteAsync();
            }
        }

        try
        {
            source?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The handler returned in this moment.
        }
        catch (AggregateException exception)
        {
            // What the handler registered on its token failed; on this thread nobody else would hear of it.
            Log.CancellationCallbackFailed(_call.Handler.Logger, exception);
        }
    }

    private async Task CompleteAsync()
    {
        // Not under the gate: Kestrel may run continuations of the handler's writes.
        await Task.Yield();
        var http = _call.Http;
        try
        {
            await http.Response.CompleteAsync();
            // The rest of the request is of no use: the caller need not send it, and a handler that reads it stops.
            http.Features.Get<IHttpResetFeature>()?.Reset(errorCode: 0);
        }
        catch (Exception exception)
        {
            Log.CompletionFailed(_call.Handler.Logger, exception);
        }
    }
}
