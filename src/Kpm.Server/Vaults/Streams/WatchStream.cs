using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>One Watch call: like Sync, without writes and acknowledgements. It ends with its access token.</summary>
internal sealed class WatchStream : LiveStream<WatchResponse>
{
    private readonly StreamContext _context;
    private readonly CancellationToken _cancelled;
    private readonly TimeSpan _tokenEndsAt;
    private ChangeCursor _cursor = null!;
    private SnapshotCursor? _snapshot;
    private TimeSpan _pingAt;
    private bool _caughtUp;

    public WatchStream(StreamContext context, Caller caller, IServerStreamWriter<WatchResponse> responses, ServerCallContext call)
        : base(caller, responses, call, context.Time, context.Limits)
    {
        _context = context;
        _cancelled = call.CancellationToken;
        _tokenEndsAt = Now + (caller.AccessExpiresAt - context.Time.GetUtcNow());
    }

    /// <summary>A watch acknowledges nothing.</summary>
    public override ulong AcknowledgedSeq => 0;

    public async Task RunAsync(WatchRequest request)
    {
        var feed = _context.Feeds.Join(Caller.AccountId, this);
        using var events = _context.Events.Listen(Caller.AccountId, WakeForEvents);
        try
        {
            // Nobody reads requests here: the end of the call has to wake the loop.
            await using var left = _cancelled.UnsafeRegister(static stream => ((WatchStream)stream!).Wake(), this);
            if (await OpenAsync(feed, request))
            {
                await WriteAsync();
            }
        }
        finally
        {
            _context.Feeds.Leave(Caller.AccountId, feed, this);
        }
    }

    protected override WatchResponse Message(SecurityEvent securityEvent) => new() { SecurityEvent = securityEvent };

    private async Task<bool> OpenAsync(VaultFeed feed, WatchRequest request)
    {
        var start = _context.Store.Start(Caller.AccountId, Caller.SessionId, Caller.DeviceId, request.Cursor);
        if (!start.SessionLive)
        {
            throw Errors.Of(ErrorReason.SessionInvalid);
        }

        Begin(start);
        await SendAsync(new WatchResponse { Welcome = StreamOpening.Welcome(_context, start) });
        if (StreamOpening.Resync(start, request.Generation, request.Cursor, request.ChainHash) is { } resync)
        {
            await SendAsync(new WatchResponse { ResyncRequired = resync });
            if (resync.Reason != ResyncReason.Compacted)
            {
                await FlushAsync();
                return false;
            }
        }

        _cursor = new ChangeCursor(Caller.AccountId, request.Cursor, start.State.HeadSeq, feed, _context.Store, _context.Limits);
        _snapshot = StreamOpening.Snapshot(_context, Caller.AccountId, start, request.Cursor, request.Snapshot);
        _pingAt = NextPing();
        return true;
    }

    private async Task WriteAsync()
    {
        while (true)
        {
            _cancelled.ThrowIfCancellationRequested();
            if (Revoked is not null)
            {
                // What was about to be written stays here.
                throw Errors.Of(ErrorReason.SessionInvalid);
            }

            if (Now >= _tokenEndsAt)
            {
                End(GoAwayReason.TokenExpired);
            }

            if (GenerationEnded)
            {
                await SendAsync(new WatchResponse { ResyncRequired = StreamOpening.GenerationChanged(_context.Store.State(Caller.AccountId)) });
                await FlushAsync();
                return;
            }

            if (Ending is { } ending)
            {
                await SendAsync(new WatchResponse { GoAway = StreamOpening.GoAway(ending, _context.Limits) });
                await FlushAsync();
                return;
            }

            if (await SendEventsAsync(_context.Store))
            {
                continue;
            }

            if (_snapshot is { } snapshot)
            {
                await SendSnapshotAsync(snapshot);
                await SendPingAsync();
                continue;
            }

            if (_cursor.Next(int.MaxValue, KeysHeld) is { } changes)
            {
                await SendAsync(new WatchResponse { Changes = changes });
                _caughtUp &= _cursor.AtHead;
                continue;
            }

            await SendCaughtUpAsync();
            await SendPingAsync();
            await FlushAsync();
            await WaitAsync(_pingAt < _tokenEndsAt ? _pingAt : _tokenEndsAt);
        }
    }

    private async ValueTask SendSnapshotAsync(SnapshotCursor snapshot)
    {
        var step = snapshot.Next(KeysHeld);
        if (step.Begin is { } begin)
        {
            await SendAsync(new WatchResponse { SnapshotBegin = begin });
        }
        else if (step.Rows is { } rows)
        {
            await SendAsync(new WatchResponse { SnapshotRows = rows });
            await FlushAsync();
        }
        else if (step.End is { } end)
        {
            _cursor = _cursor.At(end.AsOf);
            _snapshot = null;
            await SendAsync(new WatchResponse { SnapshotEnd = end });
        }
    }

    private async ValueTask SendCaughtUpAsync()
    {
        if (!_caughtUp)
        {
            _caughtUp = true;
            await SendAsync(new WatchResponse { CaughtUp = new CaughtUp { Seq = _cursor.Bookmark } });
        }
    }

    private async ValueTask SendPingAsync()
    {
        if (Now >= _pingAt)
        {
            _pingAt = NextPing();
            await SendAsync(new WatchResponse { Ping = new Ping { HeadSeq = _cursor.Bookmark } });
            _cursor.Poll();
            WakeForEvents();
        }
    }

    private TimeSpan NextPing() => Now + (_context.Limits.Heartbeat * (1 + (_context.Jitter() / 10)));
}
