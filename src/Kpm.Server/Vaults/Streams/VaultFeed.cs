using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>
/// The live streams of one account, and the newest changes that they have not all taken yet, so that a hundred receivers
/// of a change cost one encoding's worth of objects and no read. It is a cache and a hint: what is not here is in the database.
/// </summary>
internal sealed class VaultFeed(Limits limits)
{
    private readonly Lock _gate = new();
    private readonly Queue<Change> _recent = new();
    private ILiveStream[] _streams = [];
    private ulong _head;
    private int _bytes;
    private int _taken;
    private bool _closed;

    /// <summary>The newest seq that was published here; 0 before the first.</summary>
    public ulong Head => Volatile.Read(ref _head);

    public IReadOnlyList<ILiveStream> Streams => Volatile.Read(ref _streams);

    /// <summary>Adds a stream; an older one of the same device is replaced. False when the feed was given up meanwhile.</summary>
    public bool TryJoin(ILiveStream stream)
    {
        ILiveStream? replaced;
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            replaced = Array.Find(_streams, s => s.DeviceId == stream.DeviceId);
            _streams = [.. _streams.Where(s => s != replaced), stream];
        }

        replaced?.End(GoAwayReason.Replaced);
        return true;
    }

    /// <summary>True when it was the last one: the feed is closed and must be taken out.</summary>
    public bool Leave(ILiveStream stream)
    {
        lock (_gate)
        {
            _streams = [.. _streams.Where(s => s != stream)];
            _closed = _streams.Length == 0;
            return _closed;
        }
    }

    /// <summary>Called in the order of the log. Wakes every stream but the author's.</summary>
    public void Publish(IReadOnlyList<Change> changes, ILiveStream? author = null)
    {
        ILiveStream[] streams;
        lock (_gate)
        {
            if (changes[0].Seq != _head + 1)
            {
                Clear();
            }

            foreach (var change in changes)
            {
                _recent.Enqueue(change);
                _bytes += SizeOf(change);
            }

            while (_recent.Count > limits.SharedChanges || _bytes > limits.SharedChangesBytes)
            {
                _bytes -= SizeOf(_recent.Dequeue());
            }

            _taken = 0;
            Volatile.Write(ref _head, changes[^1].Seq);
            streams = _streams;
        }

        foreach (var stream in streams)
        {
            if (stream != author)
            {
                stream.Wake();
            }
        }
    }

    /// <summary>Adds the changes after a cursor to a message, if they are all here; false when the database has to be asked.</summary>
    public bool TryTake(ulong cursor, int maxEntries, int maxBytes, ICollection<Change> into)
    {
        lock (_gate)
        {
            if (!_recent.TryPeek(out var first) || first.Seq > cursor + 1 || cursor >= _head)
            {
                return false;
            }

            var bytes = 0;
            ulong last = 0;
            foreach (var change in _recent)
            {
                if (change.Seq <= cursor)
                {
                    continue;
                }

                if (maxEntries-- == 0 || bytes >= maxBytes)
                {
                    return true;
                }

                into.Add(change);
                bytes += SizeOf(change);
                last = change.Seq;
            }

            // Once each stream has the newest one, an idle account keeps nothing in memory.
            if (last == _head && ++_taken >= _streams.Length)
            {
                Clear();
            }

            return true;
        }
    }

    public static int SizeOf(Change change) => change.Header.Length + change.Signature.Length + change.Envelope.Length + 64;

    private void Clear()
    {
        _recent.Clear();
        _bytes = 0;
    }
}
