using System.Buffers;
using System.IO.Pipelines;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>
/// Writes one message with its prefix into the response's own buffer. A message is committed as a whole or not at all: a
/// serialiser that fails in the middle leaves nothing behind, so that the call can still end with a status.
/// One per thread, since serialisers do not wait.
/// </summary>
internal sealed class MessageWriter : SerializationContext, IBufferWriter<byte>
{
    [ThreadStatic]
    private static MessageWriter? s_cached;

    private PipeWriter? _output;
    private CallSettings? _settings;
    private bool _compress;
    private int _length = -1;
    private int _position;
    private Memory<byte> _direct;
    private PooledBuffer? _collected;
    private bool _complete;

    /// <returns>How many bytes were added to the body.</returns>
    /// <exception cref="RpcException">The message is longer than the limit.</exception>
    public static int Write<T>(ServerCall call, T message, Action<T, SerializationContext> serializer)
    {
        var writer = s_cached ?? new MessageWriter();
        s_cached = null;
        call.StartEncoding();
        try
        {
            writer._output = call.Body;
            writer._settings = call.Handler.Settings;
            writer._compress = call.CompressNext();
            serializer(message, writer);
            var written = writer.Commit(call);
            call.StartBody();
            return written;
        }
        finally
        {
            writer.Reset();
            s_cached = writer;
        }
    }

    public override void SetPayloadLength(int payloadLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(payloadLength);
        if (_length >= 0)
        {
            throw new InvalidOperationException("The payload length was set before.");
        }

        CheckLimit(payloadLength);
        _length = payloadLength;
    }

    public override IBufferWriter<byte> GetBufferWriter()
    {
        if (_length < 0 || _compress)
        {
            return _collected ??= new PooledBuffer();
        }

        if (_direct.IsEmpty)
        {
            _direct = _output!.GetMemory(MessageFrame.HeaderSize + _length);
            _position = MessageFrame.HeaderSize;
        }

        return this;
    }

    public override void Complete()
    {
        if (_complete)
        {
            throw new InvalidOperationException("The message was completed before.");
        }

        _complete = true;
    }

    public override void Complete(byte[] payload)
    {
        ArgumentNullException.ThrowIfNull(payload);
        Complete();
        CheckLimit(payload.Length);
        (_collected ??= new PooledBuffer()).Write(payload);
    }

    void IBufferWriter<byte>.Advance(int count)
    {
        if ((uint)count > (uint)(MessageFrame.HeaderSize + _length - _position))
        {
            throw new InvalidOperationException("The message is longer than the payload length that was set for it.");
        }

        _position += count;
    }

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint) => _direct[_position..];

    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint) => _direct.Span[_position..];

    private int Commit(ServerCall call)
    {
        if (!_complete)
        {
            throw new InvalidOperationException("The serialiser did not complete the message.");
        }

        if (_collected is null && _length <= 0)
        {
            // Nothing but the prefix: an empty message need not ask for a writer.
            GetBufferWriter();
        }

        if (!_direct.IsEmpty)
        {
            var total = MessageFrame.HeaderSize + _length;
            if (_position != total)
            {
                throw new InvalidOperationException("The message is shorter than the payload length that was set for it.");
            }

            MessageFrame.WriteHeader(_direct.Span, compressed: false, (uint)_length);
            _output!.Advance(total);
            return total;
        }

        var plain = _collected!.Written;
        CheckLimit(plain.Length);
        if (!_compress)
        {
            return WriteFrame(plain, compressed: false);
        }

        using var compressed = new PooledBuffer();
        MessageCompression.Compress(call.ResponseCompression!, plain, compressed, _settings!.ResponseCompressionLevel);
        return WriteFrame(compressed.Written, compressed: true);
    }

    private int WriteFrame(in ReadOnlySequence<byte> payload, bool compressed)
    {
        var length = (int)payload.Length;
        var total = MessageFrame.HeaderSize + length;
        var span = _output!.GetSpan(total);
        MessageFrame.WriteHeader(span, compressed, (uint)length);
        payload.CopyTo(span[MessageFrame.HeaderSize..]);
        _output.Advance(total);
        return total;
    }

    private void CheckLimit(long length)
    {
        if (length > (_settings!.MaxSendMessageSize ?? int.MaxValue - MessageFrame.HeaderSize))
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, "Sending message exceeds the maximum configured message size."));
        }
    }

    private void Reset()
    {
        _collected?.Dispose();
        _collected = null;
        _output = null;
        _settings = null;
        _direct = default;
        _length = -1;
        _position = 0;
        _complete = false;
    }
}
