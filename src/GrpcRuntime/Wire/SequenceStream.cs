using System.Buffers;

namespace Grpc.Wire;

/// <summary>
/// Reads a sequence as a stream, for decompressors. A guarded one gives a few zero bytes more than there are: a
/// decompressor whose data is complete stops before them, one whose data was cut off uses them up and asks for more.
/// .NET's own decompressors take the end of their stream for the end of the data otherwise.
/// </summary>
internal sealed class SequenceStream(ReadOnlySequence<byte> source, bool guarded) : Stream
{
    private const int GuardLength = 16;

    private ReadOnlySequence<byte> _rest = source;
    private int _guard = guarded ? GuardLength : 0;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Whether the reader of a guarded stream wanted more than there is.</summary>
    public bool IsOverrun { get; private set; }

    public override int Read(Span<byte> buffer)
    {
        if (_rest.IsEmpty && !buffer.IsEmpty)
        {
            return ReadGuard(buffer);
        }

        var count = (int)Math.Min(buffer.Length, _rest.Length);
        _rest.Slice(0, count).CopyTo(buffer);
        _rest = _rest.Slice(count);
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    private int ReadGuard(Span<byte> buffer)
    {
        if (_guard == 0)
        {
            IsOverrun = guarded;
            return 0;
        }

        var count = Math.Min(_guard, buffer.Length);
        buffer[..count].Clear();
        _guard -= count;
        return count;
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

/// <summary>Writes a stream into a buffer, for compressors.</summary>
internal sealed class BufferWriterStream(IBufferWriter<byte> destination) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer) => destination.Write(buffer);

    public override void Write(byte[] buffer, int offset, int count) => destination.Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
