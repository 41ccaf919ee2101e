using System.Buffers;
using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Net.Compression;
using Grpc.Wire;

namespace Grpc.Net.Client.Calls;

/// <summary>
/// Cuts a response body into messages. They are deserialised out of the read buffer, which is pooled and is given back
/// whenever it is empty, so that an idle stream holds none.
/// </summary>
internal sealed class MessageReader(Stream body, int? limit, ICompressionProvider? compression, bool idles)
{
    private const int BufferSize = 8 * 1024;

    // Up to here a message's own length decides the buffer; beyond, only the bytes that really came.
    private const int TrustedLength = 256 * 1024;

    private byte[]? _buffer;
    private int _start;
    private int _end;
    private int _length = -1;
    private bool _compressed;

    /// <summary>Whether a whole message is in the buffer already; <see cref="Take"/> it then.</summary>
    /// <exception cref="RpcException">The peer broke the protocol, or the message is too long.</exception>
    public bool HasMessage() => ParseHeader() && _end - _start - MessageFrame.HeaderSize >= _length;

    /// <summary>Waits for a whole message; false at the end of the body.</summary>
    /// <exception cref="RpcException">The peer broke the protocol, or the message is too long.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        while (!HasMessage())
        {
            if (_buffer is null && idles)
            {
                // A read of nothing waits for data without a buffer.
#pragma warning disable CA2022 // Nothing was asked for.
                _ = await body.ReadAsync(Memory<byte>.Empty, cancellationToken);
#pragma warning restore CA2022
            }

            Reserve();
            var read = await body.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            if (read > 0)
            {
                _end += read;
                continue;
            }

            return _start == _end
                ? false
                : throw ClientStatus.Violation(StatusCode.Internal, "The response ended within a message.");
        }

        return true;
    }

    /// <summary>Deserialises the message that <see cref="ReadAsync"/> or <see cref="HasMessage"/> found.</summary>
    /// <exception cref="RpcException">The bytes are no message, or too long when decompressed.</exception>
    public T Take<T>(Func<DeserializationContext, T> deserializer)
    {
        var payload = new ReadOnlySequence<byte>(_buffer!, _start + MessageFrame.HeaderSize, _length);
        var message = _compressed ? Decompress(payload, deserializer) : MessageDeserializer.Deserialize(payload, deserializer);
        _start += MessageFrame.HeaderSize + _length;
        _length = -1;
        if (_start == _end)
        {
            Release();
        }

        return message;
    }

    /// <summary>Gives the buffer back; no read may be under way.</summary>
    public void Release()
    {
        if (_buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = null;
        }

        _start = 0;
        _end = 0;
    }

    private bool ParseHeader()
    {
        if (_length >= 0)
        {
            return true;
        }

        if (_end - _start < MessageFrame.HeaderSize)
        {
            return false;
        }

        MessageFrame.ReadHeader(_buffer.AsSpan(_start), out var flag, out var length);
        if (flag > 1)
        {
            throw ClientStatus.Violation(StatusCode.Internal, "The compressed flag of a message is neither 0 nor 1.");
        }

        if (flag == 1 && compression is null)
        {
            throw ClientStatus.Violation(StatusCode.Internal, "A message is compressed, but the response names no encoding.");
        }

        if (length > (uint)(limit ?? Array.MaxLength - MessageFrame.HeaderSize))
        {
            throw TooLong();
        }

        _compressed = flag == 1;
        _length = (int)length;
        return true;
    }

    private RpcException TooLong() =>
        ClientStatus.Violation(StatusCode.ResourceExhausted, $"A message is longer than the {limit ?? Array.MaxLength} bytes that may be received.");

    private T Decompress<T>(in ReadOnlySequence<byte> payload, Func<DeserializationContext, T> deserializer)
    {
        using var plain = new PooledBuffer();
        return MessageCompression.Decompress(compression!, payload, plain, limit) switch
        {
            DecompressionResult.Done => MessageDeserializer.Deserialize(plain.Written, deserializer),
            DecompressionResult.TooLong => throw TooLong(),
            _ => throw ClientStatus.Violation(StatusCode.Internal, $"A message is not valid {compression!.EncodingName}."),
        };
    }

    /// <summary>Makes room for at least one more byte, and for the whole message where its length can be trusted.</summary>
    private void Reserve()
    {
        var wanted = _length < 0 ? MessageFrame.HeaderSize : MessageFrame.HeaderSize + _length;
        if (_buffer is null)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
            return;
        }

        if (_start + wanted <= _buffer.Length)
        {
            return;
        }

        var held = _end - _start;
        if (wanted <= _buffer.Length || (wanted > TrustedLength && held < _buffer.Length))
        {
            Buffer.BlockCopy(_buffer, _start, _buffer, 0, held);
            _start = 0;
            _end = held;
            return;
        }

        var size = wanted <= TrustedLength ? wanted : Math.Min(wanted, Math.Max((long)_buffer.Length * 2, TrustedLength));
        Move(ArrayPool<byte>.Shared.Rent((int)size), held);
    }

    private void Move(byte[] larger, int held)
    {
        Buffer.BlockCopy(_buffer!, _start, larger, 0, held);
        ArrayPool<byte>.Shared.Return(_buffer!);
        _buffer = larger;
        _start = 0;
        _end = held;
    }
}
