using Kpm.Client.Kpm1;
using Kpm.V1;

namespace Kpm.Client.Sync;

/// <summary>What the protocol asks its driver to do, in order.</summary>
internal abstract record SyncEffect
{
    /// <summary>Verify the entries, store them in one transaction, then acknowledge the last one.</summary>
    public sealed record Store(IReadOnlyList<Change> Entries) : SyncEffect;

    /// <summary>Everything up to seq is here.</summary>
    public sealed record Bookmark(ulong Seq, bool First) : SyncEffect;

    /// <summary>A snapshot begins: what came of an earlier one is void.</summary>
    public sealed record BeginSnapshot(SnapshotBegin Begin) : SyncEffect;

    /// <summary>Verify rows of the snapshot and keep them apart.</summary>
    public sealed record AddRows(IReadOnlyList<Change> Rows) : SyncEffect;

    /// <summary>Verify the snapshot as a whole, let it take the copy's place in one transaction, then acknowledge its seq.</summary>
    public sealed record EndSnapshot(ulong AsOf) : SyncEffect;

    /// <summary>The newest checkpoint is far behind: publish one of this seq, which is a bookmark.</summary>
    public sealed record Publish(ulong Seq) : SyncEffect;

    /// <summary>Tell the program that the vault is nearly full.</summary>
    public sealed record NearlyFull : SyncEffect;

    /// <summary>An operation of this device has its result.</summary>
    public sealed record Result(OperationResult Value) : SyncEffect;

    /// <summary>Answer a heartbeat.</summary>
    public sealed record Pong : SyncEffect;

    /// <summary>Renew the token inside the stream.</summary>
    public sealed record Renew : SyncEffect;

    /// <summary>Tell the program what happened to the account.</summary>
    public sealed record Security(SecurityEvent Happened) : SyncEffect;

    /// <summary>Send the receipt of the revocation; the stream ends for good.</summary>
    public sealed record Revoked(RevokedReason Reason) : SyncEffect;

    /// <summary>Drop the stream and resume with the cursor, not before the delay has passed.</summary>
    public sealed record Resume(TimeSpan? After, bool RenewToken) : SyncEffect;

    /// <summary>Stop and tell the person.</summary>
    public sealed record Stop(SyncStop Reason) : SyncEffect;
}

/// <summary>
/// One Sync stream as pure steps: a message in, effects out, no clock, no disk, no network. Refuses
/// (Kpm1Exception) what an honest server can't send.
/// </summary>
internal sealed class SyncProtocol
{
    public const uint Version = 1;

    /// <summary>The most entries of one atomic Push, by the contract.</summary>
    private const int MaxBatch = 64;

    /// <summary>How far the head may be above the newest checkpoint.</summary>
    public const ulong CheckpointInterval = 1000;

    private readonly ulong _generation;
    private readonly ulong _ownLastOpSeq;
    private readonly List<Change> _unfinished = [];
    private ulong _received;
    private bool _bookmarked;
    private ulong? _snapshot;
    private bool _snapshotDue;
    private ulong _checkpoint;
    private bool _toldNearlyFull;

    public SyncProtocol(ulong generation, ulong cursor, ulong ownLastOpSeq)
    {
        _generation = generation;
        _received = cursor;
        _ownLastOpSeq = ownLastOpSeq;
    }

    /// <summary>What the server allows; null before the Welcome.</summary>
    public StreamLimits? Limits { get; private set; }

    /// <summary>How often something must come; null before the Welcome.</summary>
    public TimeSpan? Heartbeat { get; private set; }

    public IReadOnlyList<SyncEffect> Handle(SyncResponse message)
    {
        switch (message.MessageCase)
        {
            case SyncResponse.MessageOneofCase.ResyncRequired when message.ResyncRequired.Reason == ResyncReason.Compacted:
                _snapshotDue = true;
                return [];
            case SyncResponse.MessageOneofCase.ResyncRequired:
                return [new SyncEffect.Stop(ToStop(message.ResyncRequired.Reason))];
            case SyncResponse.MessageOneofCase.GoAway:
                return [ToEffect(message.GoAway)];
            case SyncResponse.MessageOneofCase.Revoked:
                return [new SyncEffect.Revoked(message.Revoked.Reason)];
            case SyncResponse.MessageOneofCase.Welcome:
                Require(Limits is null, Kpm1Error.StructureInvalid);
                HandleWelcome(message.Welcome);
                return TellIfNearlyFull(message.Welcome.NearlyFull);
        }

        Require(Limits is not null, Kpm1Error.StructureInvalid);
        return message.MessageCase switch
        {
            SyncResponse.MessageOneofCase.Changes => HandleChanges(message.Changes),
            SyncResponse.MessageOneofCase.CaughtUp => HandleBookmark(message.CaughtUp.Seq),
            SyncResponse.MessageOneofCase.Ping => [.. HandlePing(message.Ping.HeadSeq), new SyncEffect.Pong()],
            SyncResponse.MessageOneofCase.OpResult => [new SyncEffect.Result(message.OpResult), .. TellIfNearlyFull(message.OpResult.Applied?.NearlyFull ?? false)],
            SyncResponse.MessageOneofCase.SnapshotBegin => HandleBegin(message.SnapshotBegin),
            SyncResponse.MessageOneofCase.SnapshotRows => HandleRows(message.SnapshotRows),
            SyncResponse.MessageOneofCase.SnapshotEnd => HandleEnd(message.SnapshotEnd),
            SyncResponse.MessageOneofCase.SecurityEvent => [new SyncEffect.Security(message.SecurityEvent)],
            SyncResponse.MessageOneofCase.TokenExpiring => [new SyncEffect.Renew()],
            // A message that is newer than this program says nothing that it could act on.
            _ => [],
        };
    }

    private void HandleWelcome(Welcome welcome)
    {
        Require(welcome.Version == Version && welcome.Limits is not null, Kpm1Error.StructureInvalid);
        Require(_generation == 0 || welcome.Generation == _generation, Kpm1Error.GenerationChanged);
        Require(welcome.HeadSeq >= _received, Kpm1Error.Rollback);
        Require(welcome.LastOpSeq <= _ownLastOpSeq, Kpm1Error.OwnOperationUnknown);
        _checkpoint = welcome.CheckpointSeq;
        Limits = welcome.Limits;
        Heartbeat = welcome.Heartbeat?.ToTimeSpan();
    }

    private SyncEffect[] HandleBegin(SnapshotBegin begin)
    {
        // As of what this device has already, or less, it would be a step back.
        Require(begin.AsOf > _received, Kpm1Error.Rollback);
        _unfinished.Clear();
        _snapshot = begin.AsOf;
        return [new SyncEffect.BeginSnapshot(begin)];
    }

    private SyncEffect[] HandleRows(SnapshotRows rows)
    {
        Require(_snapshot is not null, Kpm1Error.StructureInvalid);
        return [new SyncEffect.AddRows(rows.Rows)];
    }

    private SyncEffect[] HandleEnd(SnapshotEnd end)
    {
        Require(_snapshot == end.AsOf, Kpm1Error.StructureInvalid);
        (_received, _snapshot, _snapshotDue) = (end.AsOf, null, false);
        _checkpoint = Math.Max(_checkpoint, end.AsOf);
        return [new SyncEffect.EndSnapshot(end.AsOf)];
    }

    private IReadOnlyList<SyncEffect> HandleChanges(Changes changes)
    {
        Require(_snapshot is null && !_snapshotDue, Kpm1Error.StructureInvalid);
        if (changes.PrevSeq != _received)
        {
            return [new SyncEffect.Resume(null, RenewToken: false)];
        }

        Require(changes.Entries.Count > 0 && changes.LastSeq == changes.Entries[^1].Seq, Kpm1Error.SeqGap);
        var complete = new List<Change>();
        foreach (var change in changes.Entries)
        {
            Require(change.Seq == _received + 1, Kpm1Error.SeqGap);
            _received = change.Seq;
            _unfinished.Add(change);
            Require(_unfinished.Count <= MaxBatch, Kpm1Error.StructureInvalid);
            if (!change.MoreInBatch)
            {
                complete.AddRange(_unfinished);
                _unfinished.Clear();
            }
        }

        return complete.Count == 0 ? [] : [new SyncEffect.Store(complete)];
    }

    /// <summary>While a snapshot is on its way a heartbeat says only that the server is there.</summary>
    private SyncEffect[] HandlePing(ulong seq) => _snapshot is not null || _snapshotDue ? [] : HandleBookmark(seq);

    private SyncEffect[] HandleBookmark(ulong seq)
    {
        Require(seq == _received && _unfinished.Count == 0 && _snapshot is null && !_snapshotDue, Kpm1Error.BookmarkInvalid);
        var bookmark = new SyncEffect.Bookmark(seq, First: !_bookmarked);
        _bookmarked = true;
        if (seq < _checkpoint + CheckpointInterval)
        {
            return [bookmark];
        }

        // Once a stream for each thousand: what the server thinks of it does not change what this device knows.
        _checkpoint = seq;
        return [bookmark, new SyncEffect.Publish(seq)];
    }

    private SyncEffect[] TellIfNearlyFull(bool nearlyFull)
    {
        if (!nearlyFull || _toldNearlyFull)
        {
            return [];
        }

        _toldNearlyFull = true;
        return [new SyncEffect.NearlyFull()];
    }

    private static SyncEffect ToEffect(GoAway goAway) => goAway.Reason switch
    {
        GoAwayReason.Replaced => new SyncEffect.Stop(SyncStop.Replaced),
        GoAwayReason.TokenExpired => new SyncEffect.Resume(goAway.RetryAfter?.ToTimeSpan(), RenewToken: true),
        _ => new SyncEffect.Resume(goAway.RetryAfter?.ToTimeSpan(), RenewToken: false),
    };

    private static SyncStop ToStop(ResyncReason reason) => reason switch
    {
        ResyncReason.GenerationChanged => SyncStop.GenerationChanged,
        ResyncReason.CursorAhead => SyncStop.CursorAhead,
        _ => SyncStop.ChainMismatch,
    };

    private static void Require(bool condition, Kpm1Error error)
    {
        if (!condition)
        {
            throw new Kpm1Exception(error);
        }
    }
}
