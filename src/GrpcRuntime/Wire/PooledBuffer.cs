using System.Buffers;

namespace Grpc.Wire;

/// <summary>
/// Bytes collected in pooled segments, so that growing neither copies nor holds more than what was written plus a segment.
/// Not for use by several threads at once.
/// </summary>
internal sealed class PooledBuffer : IBufferWriter<byte>, IDisposable
{
    private const int MinSegment = 4 * 1024;
    private const int MaxSegment = 64 * 1024;

    private Segment? _first;
    private Segment? _last;

    public long Length { get; private set; }

    /// <summary>What was written so far; valid until <see cref="Clear"/> or <see cref="Dispose"/>.</summary>
    public ReadOnlySequence<byte> Written => _first is null || _last is null
        ? ReadOnlySequence<byte>.Empty
        : new ReadOnlySequence<byte>(_first, 0, _last, _last.Count);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count == 0)
        {
            return;
        }

        if (_last is null || count > _last.Array.Length - _last.Count)
        {
            throw new ArgumentOutOfRangeException(nameof(count), "More was written than was asked for.");
        }

        _last.Count += count;
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        var segment = Room(sizeHint);
        return segment.Array.AsMemory(segment.Count);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        var segment = Room(sizeHint);
        return segment.Array.AsSpan(segment.Count);
    }

    /// <summary>Makes room for a whole message of known length, so that it stays in one piece.</summary>
    public void Reserve(int size) => Room(size);

    public void Clear()
    {
        for (var segment = _first; segment is not null;)
        {
            var next = segment.NextSegment;
            ArrayPool<byte>.Shared.Return(segment.Array);
            segment = next;
        }

        _first = null;
        _last = null;
        Length = 0;
    }

    public void Dispose() => Clear();

    private Segment Room(int sizeHint)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        var wanted = Math.Max(sizeHint, 1);
        if (_last is not null && _last.Array.Length - _last.Count >= wanted)
        {
            return _last;
        }

        var usual = _last is null ? MinSegment : Math.Min(_last.Array.Length * 2, MaxSegment);
        var segment = new Segment(ArrayPool<byte>.Shared.Rent(Math.Max(wanted, usual)));
        if (_last is null)
        {
            _first = segment;
        }
        else
        {
            _last.Link(segment);
        }

        _last = segment;
        return segment;
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        private int _count;

        public Segment(byte[] array) => Array = array;

        public byte[] Array { get; }

        public int Count
        {
            get => _count;
            set
            {
                _count = value;
                Memory = new ReadOnlyMemory<byte>(Array, 0, value);
            }
        }

        public Segment? NextSegment => (Segment?)Next;

        public void Link(Segment next)
        {
            Next = next;
            next.RunningIndex = RunningIndex + _count;
        }
    }
}
