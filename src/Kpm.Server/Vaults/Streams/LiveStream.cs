using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>
/// What <see cref="SyncStream"/> and <see cref="WatchStream"/> share: one loop owns every write of the response; whatever
/// happens elsewhere (a commit, a timer, an ending) leaves a note and wakes it. Nothing here blocks whoever calls.
/// </summary>
internal abstract class LiveStream<TResponse> : ILiveStream, IDisposable
    where TResponse : class
{
    private const long NotWriting = -1;

    private static readonly WriteOptions Flush = new();
    private static readonly WriteOptions Hold = new(WriteFlags.BufferHint);

    private readonly TimeProvider _time;
    private readonly Limits _limits;
    private readonly IServerStreamWriter<TResponse> _responses;
    private readonly ServerCallContext _context;
    private readonly CancellationTokenSource _abort = new();
    private readonly AsyncSignal _signal = new();
    private readonly ITimer _timer;
    private readonly long _start;
    private TResponse? _held;
    private long _armedFor;
    private long _writingSince = NotWriting;
    private int _revoked;
    private long _revokedAt;
    private int _ending;
    private bool _generationEnded;
    private int _eventsNoted;
    private ulong _eventSeq;
    private long _keysHeldUntil;

    protected LiveStream(Caller caller, IServerStreamWriter<TResponse> responses, ServerCallContext context, TimeProvider time, Limits limits)
    {
        Caller = caller;
        _responses = responses;
        _context = context;
        _time = time;
        _limits = limits;
        _start = time.GetTimestamp();
        _timer = time.CreateTimer(static state => ((LiveStream<TResponse>)state!).OnTimer(), this, limits.Heartbeat, Timeout.InfiniteTimeSpan);
        _armedFor = limits.Heartbeat.Ticks;
    }

    public Guid DeviceId => Caller.DeviceId;

    public Guid SessionId => Caller.SessionId;

    public abstract ulong AcknowledgedSeq { get; }

    protected Caller Caller { get; set; }

    /// <summary>Time since the stream began, unmoved by changes of the clock.</summary>
    protected TimeSpan Now => _time.GetElapsedTime(_start);

    /// <summary>Why the session is over, or null.</summary>
    protected RevokedReason? Revoked => Volatile.Read(ref _revoked) is var reason and not 0 ? (RevokedReason)reason : null;

    /// <summary>Why the server ends the stream, or null.</summary>
    protected GoAwayReason? Ending => Volatile.Read(ref _ending) is var reason and not 0 ? (GoAwayReason)reason : null;

    /// <summary>The vault has another generation than the stream.</summary>
    protected bool GenerationEnded => Volatile.Read(ref _generationEnded);

    /// <summary>The server ends the stream, with whatever last word.</summary>
    protected bool IsEnding => Ending is not null || GenerationEnded;

    /// <summary>Cancelled when the client does not read what it must, or goes away.</summary>
    protected CancellationToken Aborted => _abort.Token;

    /// <summary>The wrapped keys are withheld from the session (docs/accounts.md).</summary>
    protected bool KeysHeld => Volatile.Read(ref _keysHeldUntil) is var until and not 0 && _time.GetUtcNow().UtcTicks < until;

    public void Wake() => _signal.Set();

    public void EndHold() => Volatile.Write(ref _keysHeldUntil, 0);

    public void End(GoAwayReason reason)
    {
        Interlocked.CompareExchange(ref _ending, (int)reason, 0);
        _signal.Set();
    }

    public void EndGeneration()
    {
        Volatile.Write(ref _generationEnded, true);
        _signal.Set();
    }

    public void Revoke(RevokedReason reason)
    {
        Volatile.Write(ref _revokedAt, Now.Ticks);
        Interlocked.CompareExchange(ref _revoked, (int)reason, 0);
        _signal.Set();

        LimitWrites();
    }

    public void Dispose()
    {
        _timer.Dispose();
        _abort.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Something happened to the account, or may have.</summary>
    protected void WakeForEvents()
    {
        Volatile.Write(ref _eventsNoted, 1);
        _signal.Set();
    }

    protected abstract TResponse Message(SecurityEvent securityEvent);

    /// <summary>Where the stream begins: security events after this one are news to it.</summary>
    protected void Begin(StreamStart start)
    {
        _eventSeq = start.LastEventSeq;
        Volatile.Write(ref _keysHeldUntil, start.KeysHeldUntil?.UtcTicks ?? 0);
    }

    /// <summary>Sends what happened to the account since the last time; true when something was sent, so that there may be more.</summary>
    protected async ValueTask<bool> SendEventsAsync(IVaultStore store)
    {
        if (Interlocked.Exchange(ref _eventsNoted, 0) == 0)
        {
            return false;
        }

        var events = store.SecurityEvents(Caller.AccountId, _eventSeq, _limits.SecurityEventsPageSize);
        foreach (var securityEvent in events)
        {
            await SendAsync(Message(securityEvent));
            _eventSeq = securityEvent.Seq;
        }

        if (events.Count == _limits.SecurityEventsPageSize)
        {
            Volatile.Write(ref _eventsNoted, 1);
        }

        return events.Count > 0;
    }

    /// <summary>Waits for a wake-up, or until a moment of <see cref="Now"/>.</summary>
    protected ValueTask WaitAsync(TimeSpan until)
    {
        // A timer that rings early is cheap; setting it anew with every message is not.
        var now = Now;
        var armedFor = TimeSpan.FromTicks(Volatile.Read(ref _armedFor));
        if (until < armedFor || armedFor <= now)
        {
            Volatile.Write(ref _armedFor, until.Ticks);
            Ring(until - now);
        }

        return _signal.WaitAsync();
    }

    /// <summary>After a revocation: a write that the client does not let through must not hold the stream open.</summary>
    protected void LimitWrites()
    {
        Volatile.Write(ref _armedFor, 0);
        Ring(_limits.RevocationTimeout);
    }

    /// <summary>Writes the message before, if any, and holds this one back, so that a burst is flushed once.</summary>
    protected async ValueTask SendAsync(TResponse message)
    {
        var previous = _held;
        _held = message;
        if (previous is not null)
        {
            await WriteAsync(previous, Hold);
        }
    }

    /// <summary>Writes what is held back, and flushes.</summary>
    protected async ValueTask FlushAsync()
    {
        if (_held is { } last)
        {
            _held = null;
            await WriteAsync(last, Flush);
        }
    }

    /// <summary>Throws away what was not written yet.</summary>
    protected void Discard() => _held = null;

    private async ValueTask WriteAsync(TResponse message, WriteOptions options)
    {
        _responses.WriteOptions = options;
        Volatile.Write(ref _writingSince, Now.Ticks);
        try
        {
            await _responses.WriteAsync(message, _abort.Token);
        }
        finally
        {
            Volatile.Write(ref _writingSince, NotWriting);
        }
    }

    private void OnTimer()
    {
        var since = Volatile.Read(ref _writingSince);
        if (since == NotWriting)
        {
            Volatile.Write(ref _armedFor, 0);
            _signal.Set();
            return;
        }

        // The client's window is closed. It may stay closed for a while, but not for ever, and not past a revocation.
        var now = Now;
        var limit = Revoked is not null
            ? TimeSpan.FromTicks(Volatile.Read(ref _revokedAt)) + _limits.RevocationTimeout
            : TimeSpan.FromTicks(since) + (IsEnding ? _limits.DrainTimeout : _limits.StallTimeout);
        if (now < limit)
        {
            Ring(limit - now);
            return;
        }

        // Resets the stream: what is buffered for it is dropped, not sent.
        _context.GetHttpContext().Abort();
        _abort.Cancel();
    }

    private void Ring(TimeSpan after) => _timer.Change(after > TimeSpan.FromMilliseconds(1) ? after : TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
}
