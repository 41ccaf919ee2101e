using System.Buffers;
using Grpc.Core;
using Grpc.Net.Compression;
using Grpc.Wire;

namespace Grpc.Net.Client.Calls;

/// <summary>A message as it goes over the wire, header included, in a pooled array.</summary>
internal readonly record struct Frame(byte[] Array, int Length)
{
    public ReadOnlyMemory<byte> Memory => new(Array, 0, Length);

    public void Return() => ArrayPool<byte>.Shared.Return(Array);
}

/// <summary>
/// Serialises messages into frames. Serialising is synchronous, so that one serialiser per thread is enough.
/// </summary>
internal sealed class MessageSerializer : SerializationContext, IBufferWriter<byte>
{
    private const int SmallMessage = 512;

    [ThreadStatic]
    private static MessageSerializer? s_cached;

    private byte[]? _array;
    private int _written;
    private int? _declared;
    private int? _limit;
    private bool _complete;

    /// <exception cref="RpcException">The message is longer than <paramref name="limit"/>: RESOURCE_EXHAUSTED.</exception>
    public static Frame Serialize<T>(T message, Action<T, SerializationContext> serializer, int? limit, ICompressionProvider? compression)
    {
        // A serialiser that makes a call of its own finds no cached one, and gets a new one.
        var context = s_cached ?? new MessageSerializer();
        s_cached = null;
        context._limit = limit;
        try
        {
            serializer(message, context);
            return compression is null ? context.TakeFrame() : context.TakeCompressedFrame(compression);
        }
        finally
        {
            context.Reset();
            s_cached = context;
        }
    }

    public override void SetPayloadLength(int payloadLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(payloadLength);
        CheckLimit(payloadLength);
        _declared = payloadLength;
    }

    public override IBufferWriter<byte> GetBufferWriter()
    {
        Begin(_declared ?? SmallMessage);
        return this;
    }

    public override void Complete(byte[] payload)
    {
        ArgumentNullException.ThrowIfNull(payload);
        CheckLimit(payload.Length);
        Begin(payload.Length);
        payload.CopyTo(_array.AsSpan(_written));
        _written += payload.Length;
        Complete();
    }

    public override void Complete()
    {
        if (_complete)
        {
            throw new InvalidOperationException("The message is complete already.");
        }

        // A message of no bytes need not have asked for the writer.
        Begin(0);
        _complete = true;
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, (_array?.Length ?? 0) - _written);
        _written += count;
        CheckLimit(_written - MessageFrame.HeaderSize);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsMemory(_written);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsSpan(_written);
    }

    private void Begin(int payloadLength)
    {
        if (_array is null)
        {
            _array = ArrayPool<byte>.Shared.Rent(MessageFrame.HeaderSize + payloadLength);
            _written = MessageFrame.HeaderSize;
        }
    }

    private void Reserve(int sizeHint)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        Begin(SmallMessage);
        var array = _array!;
        var needed = _written + Math.Max(sizeHint, 1);
        if (needed > array.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, array.Length * 2));
            array.AsSpan(0, _written).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(array);
            _array = larger;
        }
    }

    private void CheckLimit(int length)
    {
        if (length > _limit)
        {
            throw ClientStatus.Violation(StatusCode.ResourceExhausted, $"The message is longer than the {_limit} bytes that may be sent.");
        }
    }

    private Frame TakeFrame()
    {
        var length = CheckComplete();
        var array = _array!;
        _array = null;
        MessageFrame.WriteHeader(array, compressed: false, (uint)length);
        return new Frame(array, _written);
    }

    private Frame TakeCompressedFrame(ICompressionProvider compression)
    {
        var length = CheckComplete();
        if (length == 0)
        {
            // There is nothing to gain, and not every decoder takes an empty stream.
            return TakeFrame();
        }

        using var compressed = new PooledBuffer();
        MessageCompression.Compress(compression, new ReadOnlySequence<byte>(_array!, MessageFrame.HeaderSize, length), compressed, null);
        var compressedLength = checked((int)compressed.Length);
        var array = ArrayPool<byte>.Shared.Rent(MessageFrame.HeaderSize + compressedLength);
        MessageFrame.WriteHeader(array, compressed: true, (uint)compressedLength);
        compressed.Written.CopyTo(array.AsSpan(MessageFrame.HeaderSize));
        return new Frame(array, MessageFrame.HeaderSize + compressedLength);
    }

    private int CheckComplete()
    {
        if (!_complete)
        {
            throw new InvalidOperationException("The serialiser did not complete the message.");
        }

        var length = _written - MessageFrame.HeaderSize;
        if (_declared is { } declared && declared != length)
        {
            throw new InvalidOperationException($"The serialiser announced {declared} bytes and wrote {length}.");
        }

        return length;
    }

    private void Reset()
    {
        if (_array is not null)
        {
            ArrayPool<byte>.Shared.Return(_array);
            _array = null;
        }

        _written = 0;
        _declared = null;
        _limit = null;
        _complete = false;
    }
}

/// <summary>Gives a received message to its deserialiser; one per thread, as deserialising is synchronous.</summary>
internal sealed class MessageDeserializer : DeserializationContext
{
    [ThreadStatic]
    private static MessageDeserializer? s_cached;

    private ReadOnlySequence<byte> _payload;

    public override int PayloadLength => (int)_payload.Length;

    /// <exception cref="RpcException">The bytes are no message: INTERNAL.</exception>
    public static T Deserialize<T>(in ReadOnlySequence<byte> payload, Func<DeserializationContext, T> deserializer)
    {
        var context = s_cached ?? new MessageDeserializer();
        s_cached = null;
        context._payload = payload;
        try
        {
            return deserializer(context);
        }
        catch (Exception e)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The response cannot be deserialised.", e));
        }
        finally
        {
            context._payload = default;
            s_cached = context;
        }
    }

    public override byte[] PayloadAsNewBuffer() => _payload.ToArray();

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => _payload;
}
