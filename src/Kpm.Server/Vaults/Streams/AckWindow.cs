using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>What a stream was sent and has not acknowledged. Not thread-safe.</summary>
internal sealed class AckWindow(ulong cursor, Limits limits)
{
    // Made with the first change: most streams are idle.
    private Queue<(ulong LastSeq, int Bytes, TimeSpan SentAt)>? _sent;
    private ulong _sentSeq = cursor;
    private ulong _bytes;
    private ulong _snapshotSeq;

    public ulong AcknowledgedSeq { get; private set; } = cursor;

    /// <summary>Nothing more may be sent, except the rest of an atomic Push that was begun: its receiver acknowledges it whole.</summary>
    public bool IsFull => Unacknowledged >= (ulong)limits.UnacknowledgedChanges || _bytes >= (ulong)limits.UnacknowledgedBytes;

    /// <summary>How many more changes may be sent.</summary>
    public int Room => IsFull ? 0 : limits.UnacknowledgedChanges - (int)Unacknowledged;

    /// <summary>When the oldest unacknowledged change was sent; null with nothing unacknowledged.</summary>
    public TimeSpan? OldestSentAt => _sent is { Count: > 0 } ? _sent.Peek().SentAt : null;

    private ulong Unacknowledged => _sentSeq - Math.Max(AcknowledgedSeq, _snapshotSeq);

    /// <summary>A snapshot was sent whole. It is awaited like a change, but takes no room: its back-pressure was HTTP/2's.</summary>
    public void SnapshotSent(ulong asOf, TimeSpan now)
    {
        (_sent ??= new()).Enqueue((asOf, 0, now));
        _sentSeq = _snapshotSeq = asOf;
    }

    public void Sent(Changes changes, TimeSpan now)
    {
        var bytes = changes.Entries.Sum(VaultFeed.SizeOf);
        (_sent ??= new()).Enqueue((changes.LastSeq, bytes, now));
        _sentSeq = changes.LastSeq;
        _bytes += (ulong)bytes;
    }

    /// <summary>False for a seq that was not sent. One that was acknowledged before changes nothing.</summary>
    public bool TryAcknowledge(ulong seq)
    {
        if (seq > _sentSeq)
        {
            return false;
        }

        AcknowledgedSeq = Math.Max(AcknowledgedSeq, seq);
        while (_sent is { Count: > 0 } && _sent.Peek().LastSeq <= AcknowledgedSeq)
        {
            _bytes -= (ulong)_sent.Dequeue().Bytes;
        }

        return true;
    }
}
