using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using Grpc.Core;

namespace Grpc.AspNetCore.Web;

/// <summary>Decodes base64 as it comes. What was encoded in parts has padding in the middle.</summary>
internal sealed class Base64ReadStream(PipeReader source) : ReadOnlyStream
{
    private readonly byte[] _group = new byte[4];
    private readonly byte[] _plain = new byte[3];
    private int _plainStart;
    private int _plainEnd;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
        {
            return 0;
        }

        while (true)
        {
            if (TakePlain(buffer.Span) is var taken and > 0)
            {
                return taken;
            }

            var result = await source.ReadAsync(cancellationToken);
            var rest = result.Buffer;
            var written = Decode(ref rest, buffer.Span);
            var atEnd = result.IsCompleted && rest.Length < _group.Length;
            var cut = atEnd && !rest.IsEmpty;
            source.AdvanceTo(rest.Start, written > 0 || _plainEnd > _plainStart ? rest.Start : result.Buffer.End);
            if (cut && written == 0 && _plainStart == _plainEnd)
            {
                throw new RpcException(new Status(StatusCode.Internal, "The body ends in the middle of a base64 group."));
            }

            if (written > 0)
            {
                return written;
            }

            if (atEnd && _plainStart == _plainEnd)
            {
                return 0;
            }
        }
    }

    private int TakePlain(Span<byte> destination)
    {
        var count = Math.Min(_plainEnd - _plainStart, destination.Length);
        _plain.AsSpan(_plainStart, count).CopyTo(destination);
        _plainStart += count;
        return count;
    }

    /// <summary>Decodes whole groups; the bytes of a last group for which there is no room wait in the stream.</summary>
    private int Decode(ref ReadOnlySequence<byte> source, Span<byte> destination)
    {
        var written = 0;
        while (source.Length >= _group.Length && destination.Length > written)
        {
            // As much as lies in one piece at once, unless it has padding in the middle.
            var span = source.FirstSpan[..(source.FirstSpan.Length / 4 * 4)];
            var padding = span.IndexOf((byte)'=');
            span = padding < 0 ? span : span[..(padding / 4 * 4)];
            if (!span.IsEmpty && destination.Length - written >= 3)
            {
                Check(Base64.DecodeFromUtf8(span, destination[written..], out var consumed, out var count, isFinalBlock: false), consumed);
                source = source.Slice(consumed);
                written += count;
                continue;
            }

            source.Slice(0, _group.Length).CopyTo(_group);
            Check(Base64.DecodeFromUtf8(_group, _plain, out var used, out _plainEnd), used);
            _plainStart = 0;
            source = source.Slice(_group.Length);
            written += TakePlain(destination[written..]);
        }

        return written;
    }

    private static void Check(OperationStatus status, int consumed)
    {
        if (status == OperationStatus.InvalidData || consumed == 0)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The body is no base64."));
        }
    }
}

/// <summary>Encodes base64; each flush ends a group, so that what was written can be read at once.</summary>
internal sealed class Base64WriteStream(PipeWriter destination) : WriteOnlyStream
{
    private readonly byte[] _left = new byte[3];
    private int _leftCount;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var bytes = buffer.Span;
        while (_leftCount > 0 && _leftCount < 3 && !bytes.IsEmpty)
        {
            _left[_leftCount++] = bytes[0];
            bytes = bytes[1..];
        }

        if (_leftCount == 3)
        {
            Encode(_left);
            _leftCount = 0;
        }

        var whole = bytes.Length / 3 * 3;
        Encode(bytes[..whole]);
        foreach (var each in bytes[whole..])
        {
            _left[_leftCount++] = each;
        }

        return default;
    }

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        Encode(_left.AsSpan(0, _leftCount));
        _leftCount = 0;
        await destination.FlushAsync(cancellationToken);
    }

    private void Encode(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty)
        {
            var span = destination.GetSpan(Base64.GetMaxEncodedToUtf8Length(bytes.Length));
            Base64.EncodeToUtf8(bytes, span, out _, out var written);
            destination.Advance(written);
        }
    }
}

/// <summary>What a stream that is only read does not do.</summary>
internal abstract class ReadOnlyStream : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("The stream is read asynchronously.");

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

/// <summary>What a stream that is only written does not do.</summary>
internal abstract class WriteOnlyStream : Stream
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

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException("The stream is flushed asynchronously.");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("The stream is written asynchronously.");
}
