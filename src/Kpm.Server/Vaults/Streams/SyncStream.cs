using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>
/// One Sync call after its Hello. Two loops: this one owns the response and decides what goes next; the other one
/// (SyncStream.Requests.cs) reads the device's messages and leaves notes.
/// </summary>
internal sealed partial class SyncStream : LiveStream<SyncResponse>
{
    public const uint ProtocolVersion = 1;

    private readonly StreamContext _context;
    private readonly Lock _gate = new();
    private readonly Queue<(StreamPush Push, IReadOnlyList<Outcome> Outcomes)> _results = new();
    private AckWindow _window = null!;
    private ChangeCursor _cursor = null!;
    private SnapshotCursor? _snapshot;
    private TimeSpan _tokenEndsAt;
    private bool _tokenNoticeSent;
    private TimeSpan _pingAt;
    private TimeSpan? _unansweredPingAt;
    private ulong _savedSeq;
    private bool _caughtUp;
    private bool _goAwaySent;
    private int _inFlight;
    private Exception? _failure;
    private bool _requestsEnded;
    private bool _revokedSent;
    private bool _receipt;

    public SyncStream(StreamContext context, Caller caller, IServerStreamWriter<SyncResponse> responses, ServerCallContext call)
        : base(caller, responses, call, context.Time, context.Limits)
    {
        _context = context;
        _tokenEndsAt = TokenEnd(caller);
    }

    public override ulong AcknowledgedSeq
    {
        get
        {
            lock (_gate)
            {
                return _window?.AcknowledgedSeq ?? 0;
            }
        }
    }

    /// <summary>Runs the stream to its end. Throws what the call has to answer when it ends badly.</summary>
    public async Task RunAsync(IAsyncStreamReader<SyncRequest> requests, Hello hello, CancellationToken cancellationToken)
    {
        var feed = _context.Feeds.Join(Caller.AccountId, this);
        using var events = _context.Events.Listen(Caller.AccountId, WakeForEvents);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Aborted);
        var reading = Task.CompletedTask;
        try
        {
            if (!await OpenAsync(feed, hello, cancellationToken))
            {
                return;
            }

            reading = ReadAsync(requests, stop.Token);
            await WriteAsync();
        }
        finally
        {
            _context.Feeds.Leave(Caller.AccountId, feed, this);
            await stop.CancelAsync();
            _room.Set();
            await reading;
            await SaveProgressAsync();
        }
    }

    protected override SyncResponse Message(SecurityEvent securityEvent) => new() { SecurityEvent = securityEvent };

    /// <summary>False when the cursor can't be resumed and the device has been told.</summary>
    private async Task<bool> OpenAsync(VaultFeed feed, Hello hello, CancellationToken cancellationToken)
    {
        await SeqWait.UntilAsync(_context.Store, Caller.AccountId, hello.MinSeq, _context.Time, _context.Limits, cancellationToken);

        // Joined first and read then: a session that ends, or a change that is committed, after the read is heard of.
        var start = _context.Store.Start(Caller.AccountId, Caller.SessionId, Caller.DeviceId, hello.Cursor);
        if (!start.SessionLive)
        {
            throw Errors.Of(ErrorReason.SessionInvalid);
        }

        Begin(start);
        await SendAsync(new SyncResponse { Welcome = StreamOpening.Welcome(_context, start) });
        if (StreamOpening.Resync(start, hello.Generation, hello.Cursor, hello.ChainHash) is { } resync)
        {
            await SendAsync(new SyncResponse { ResyncRequired = resync });
            if (resync.Reason != ResyncReason.Compacted)
            {
                await FlushAsync();
                return false;
            }
        }

        lock (_gate)
        {
            _window = new AckWindow(hello.Cursor, _context.Limits);
            _savedSeq = hello.Cursor;
        }

        _cursor = new ChangeCursor(Caller.AccountId, hello.Cursor, start.State.HeadSeq, feed, _context.Store, _context.Limits);
        _snapshot = StreamOpening.Snapshot(_context, Caller.AccountId, start, hello.Cursor, hello.Snapshot);
        _pingAt = NextPing();
        return true;
    }

    private async Task WriteAsync()
    {
        while (true)
        {
            if (Revoked is { } reason)
            {
                await EndRevokedAsync(reason);
                return;
            }

            if (Volatile.Read(ref _failure) is { } failure)
            {
                await FailAsync(failure);
                continue;
            }

            CheckDeadlines();
            await SendGoAwayAsync();
            await SendResultsAsync();
            if (IsFinished())
            {
                await FlushAsync();
                await LingerAsync();
                return;
            }

            if (!_goAwaySent)
            {
                if (await SendEventsAsync(_context.Store))
                {
                    continue;
                }

                if (_snapshot is { } snapshot)
                {
                    // One message of it at a time: results, events and pings go between them.
                    await SendSnapshotAsync(snapshot);
                    await SendTimelyAsync();
                    continue;
                }

                if (await SendChangesAsync())
                {
                    continue;
                }

                await SendTimelyAsync();
            }

            await FlushAsync();
            if (Revoked is null)
            {
                await WaitAsync(NextDeadline());
            }
        }
    }

    /// <summary>Nothing of the vault follows a revocation: not even what was about to be written.</summary>
    private async Task EndRevokedAsync(RevokedReason reason)
    {
        LimitWrites();
        Discard();
        Volatile.Write(ref _revokedSent, true);
        await SendAsync(new SyncResponse { Revoked = new Revoked { Reason = reason } });
        await FlushAsync();

        var until = Now + _context.Limits.RevocationReceiptTimeout;
        while (!Volatile.Read(ref _receipt) && !Volatile.Read(ref _requestsEnded) && Volatile.Read(ref _failure) is null && Now < until)
        {
            await WaitAsync(until);
        }

        if (Volatile.Read(ref _receipt) && reason == RevokedReason.DeviceRevoked)
        {
            await _context.Store.SaveRevocationReceiptAsync(Caller.AccountId, Caller.DeviceId, CancellationToken.None);
        }
    }

    /// <summary>A Push that found its session ended comes before the word of who ended it and why: that is on its way.</summary>
    private async Task FailAsync(Exception failure)
    {
        var until = Now + _context.Limits.RevocationTimeout;
        while (failure is SessionEndedException && Revoked is null && Now < until)
        {
            await WaitAsync(until);
        }

        if (Revoked is null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(PushRules.ToError(failure));
        }
    }

    private void CheckDeadlines()
    {
        if (Interlocked.Exchange(ref _renewed, null) is { } renewed)
        {
            Caller = renewed;
            _tokenEndsAt = TokenEnd(renewed);
            _tokenNoticeSent = false;
        }

        var now = Now;
        TimeSpan? oldest;
        TimeSpan? ping;
        lock (_gate)
        {
            oldest = _window.OldestSentAt;
            ping = _unansweredPingAt;
        }

        if (now >= _tokenEndsAt)
        {
            End(GoAwayReason.TokenExpired);
        }
        else if (now >= oldest + _context.Limits.StallTimeout || now >= ping + _context.Limits.StallTimeout)
        {
            End(GoAwayReason.Stalled);
        }
    }

    private async ValueTask SendGoAwayAsync()
    {
        if (!_goAwaySent && GenerationEnded)
        {
            _goAwaySent = true;
            await SendAsync(new SyncResponse { ResyncRequired = StreamOpening.GenerationChanged(_context.Store.State(Caller.AccountId)) });
        }
        else if (!_goAwaySent && Ending is { } ending)
        {
            _goAwaySent = true;
            await SendAsync(new SyncResponse { GoAway = StreamOpening.GoAway(ending, _context.Limits) });
        }
    }

    private async ValueTask SendResultsAsync()
    {
        while (true)
        {
            StreamPush push;
            IReadOnlyList<Outcome> outcomes;
            lock (_gate)
            {
                if (!_results.TryDequeue(out var next))
                {
                    return;
                }

                (push, outcomes) = next;
            }

            for (var i = 0; i < outcomes.Count; i++)
            {
                await SendAsync(new SyncResponse { OpResult = VaultPush.ToMessage(push.Operations[i], outcomes[i]) });
            }
        }
    }

    private async ValueTask SendSnapshotAsync(SnapshotCursor snapshot)
    {
        var step = snapshot.Next(KeysHeld);
        if (step.Begin is { } begin)
        {
            await SendAsync(new SyncResponse { SnapshotBegin = begin });
        }
        else if (step.Rows is { } rows)
        {
            // Each waits until the client's window takes it: a snapshot may be far larger than what is good to hold in memory.
            await SendAsync(new SyncResponse { SnapshotRows = rows });
            await FlushAsync();
        }
        else if (step.End is { } end)
        {
            lock (_gate)
            {
                _window.SnapshotSent(end.AsOf, Now);
            }

            _cursor = _cursor.At(end.AsOf);
            _snapshot = null;
            await SendAsync(new SyncResponse { SnapshotEnd = end });
        }
    }

    /// <summary>True when something was sent, so that there may be more.</summary>
    private async ValueTask<bool> SendChangesAsync()
    {
        int room;
        lock (_gate)
        {
            room = _window.Room;
        }

        // The rest of an atomic Push goes out whatever the window says: its receiver acknowledges all of it or nothing.
        var changes = room > 0 ? _cursor.Next(room, KeysHeld) : _cursor.InsideBatch ? _cursor.Next(1, KeysHeld) : null;
        if (changes is not null)
        {
            // Counted before it is written: its acknowledgement may be faster than the end of the write.
            lock (_gate)
            {
                _window.Sent(changes, Now);
            }

            await SendAsync(new SyncResponse { Changes = changes });
            _caughtUp &= _cursor.AtHead;
            return true;
        }

        if (!_caughtUp && _cursor.AtHead)
        {
            _caughtUp = true;
            await SendAsync(new SyncResponse { CaughtUp = new CaughtUp { Seq = _cursor.Bookmark } });
        }

        return false;
    }

    private async ValueTask SendTimelyAsync()
    {
        var now = Now;
        if (!_tokenNoticeSent && now >= _tokenEndsAt - _context.Limits.TokenExpiryNotice)
        {
            _tokenNoticeSent = true;
            await SendAsync(new SyncResponse { TokenExpiring = new TokenExpiring { ExpiresAt = Caller.AccessExpiresAt.ToTimestamp() } });
        }

        if (now >= _pingAt)
        {
            _pingAt = NextPing();

            // A Ping is a bookmark, but for the time of a snapshot; a stream that lags in the middle of the log has none to give, and its Acks are awaited.
            if (_snapshot is not null || _cursor.AtHead)
            {
                lock (_gate)
                {
                    _unansweredPingAt ??= now;
                }

                await SendAsync(new SyncResponse { Ping = new Ping { HeadSeq = _cursor.Bookmark } });
            }

            _cursor.Poll();
            await SaveProgressAsync();

            // What the poll found is sent with the next turn; events whose hint was lost are looked for then too.
            WakeForEvents();
        }
    }

    /// <summary>
    /// Ended by either side, and everything that was read has its answer. A failure is noted before the end of the requests,
    /// so that one which ended them is still seen here, and answered by the next turn.
    /// </summary>
    private bool IsFinished()
    {
        lock (_gate)
        {
            return (_goAwaySent || Volatile.Read(ref _requestsEnded)) && Volatile.Read(ref _inFlight) == 0 && _results.Count == 0
                && Volatile.Read(ref _failure) is null;
        }
    }

    /// <summary>
    /// Leaves the client a moment to take in the last messages and to end its side: a connection that is being shut down
    /// may drop what is still on the way of a stream that only one side has ended.
    /// </summary>
    private async ValueTask LingerAsync()
    {
        var until = Now + _context.Limits.GoAwayLinger;
        while (!Volatile.Read(ref _requestsEnded) && Revoked is null && Now < until)
        {
            await WaitAsync(until);
        }
    }

    private TimeSpan NextDeadline()
    {
        var next = _tokenNoticeSent ? _tokenEndsAt : _tokenEndsAt - _context.Limits.TokenExpiryNotice;
        next = _pingAt < next ? _pingAt : next;
        lock (_gate)
        {
            if (_window.OldestSentAt is { } oldest && oldest + _context.Limits.StallTimeout < next)
            {
                next = oldest + _context.Limits.StallTimeout;
            }
        }

        return next;
    }

    private TimeSpan NextPing() => Now + (_context.Limits.Heartbeat * (1 + (_context.Jitter() / 10)));

    private TimeSpan TokenEnd(Caller caller) => Now + (caller.AccessExpiresAt - _context.Time.GetUtcNow());

    private async Task SaveProgressAsync()
    {
        var seq = AcknowledgedSeq;
        if (seq <= _savedSeq)
        {
            return;
        }

        try
        {
            await _context.Store.SaveAcknowledgedAsync(Caller.AccountId, Caller.DeviceId, seq, CancellationToken.None);
            _savedSeq = seq;
        }
        catch (Exception e) when (e is Storage.StorageBusyException or Storage.StorageUnavailableException)
        {
            // Only what the list of devices shows is late; the next heartbeat tries again.
        }
    }
}
