using System.Buffers;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>Reads messages out of the request's own buffers. DATA frames mean nothing here: only the five-byte prefixes count.</summary>
internal static class MessageReader
{
    /// <summary>
    /// Takes the next message off the buffer; false when it is not there in full. A length over the limit is refused by
    /// its prefix alone, before anything is kept for it.
    /// </summary>
    /// <exception cref="RpcException">The prefix or the message breaks a rule.</exception>
    public static bool TryRead<T>(ServerCall call, ref ReadOnlySequence<byte> buffer, Func<DeserializationContext, T> deserializer, out T? message)
        where T : class
    {
        message = null;
        if (!MessageFrame.TryReadHeader(buffer, out var flag, out var length))
        {
            return false;
        }

        if (flag > 1)
        {
            throw Error(StatusCode.Internal, "The compressed flag of a message is neither 0 nor 1.");
        }

        if (flag == 1 && call.RequestCompression is null)
        {
            throw Error(StatusCode.Internal, "A message is compressed, but the request has no grpc-encoding.");
        }

        if (length > (uint)(call.Handler.Settings.MaxReceiveMessageSize ?? int.MaxValue))
        {
            throw TooLong();
        }

        if (buffer.Length - MessageFrame.HeaderSize < length)
        {
            return false;
        }

        var payload = buffer.Slice(MessageFrame.HeaderSize, length);
        message = flag == 0 ? Deserialize(call, payload, deserializer) : Decompress(call, payload, deserializer);
        buffer = buffer.Slice(payload.End);
        return true;
    }

    /// <summary>The one message of a request, when the request has ended after it.</summary>
    /// <exception cref="RpcException">There is none, more than one, or a broken one.</exception>
    public static async ValueTask<T> ReadSingleAsync<T>(ServerCall call, Func<DeserializationContext, T> deserializer)
        where T : class
    {
        var reader = call.Http.Request.BodyReader;
        T? message = null;
        while (true)
        {
            var result = await reader.ReadAsync(CancellationToken.None);
            var buffer = result.Buffer;
            // Whatever goes wrong, nothing after this read is wanted.
            var consumed = buffer.End;
            try
            {
                if (message is null)
                {
                    TryRead(call, ref buffer, deserializer, out message);
                }

                if (message is not null && !buffer.IsEmpty)
                {
                    throw Error(StatusCode.Unimplemented, "The request has more than one message, where the method takes one.");
                }

                if (result.IsCompleted)
                {
                    return message ?? throw (buffer.IsEmpty
                        ? Error(StatusCode.Unimplemented, "The request has no message, where the method takes one.")
                        : Incomplete());
                }

                consumed = buffer.Start;
            }
            finally
            {
                reader.AdvanceTo(consumed, result.Buffer.End);
            }
        }
    }

    public static RpcException Incomplete() => Error(StatusCode.Internal, "The request ends in the middle of a message.");

    private static T Deserialize<T>(ServerCall call, in ReadOnlySequence<byte> payload, Func<DeserializationContext, T> deserializer)
        where T : class
    {
        var context = PayloadContext.Rent(payload);
        try
        {
            return deserializer(context);
        }
        catch (Exception exception) when (exception is not RpcException)
        {
            Log.UnreadableMessage(call.Handler.Logger, exception);
            throw new RpcException(new Status(StatusCode.Internal, "The request message could not be read.", exception));
        }
        finally
        {
            context.Return();
        }
    }

    private static T Decompress<T>(ServerCall call, in ReadOnlySequence<byte> payload, Func<DeserializationContext, T> deserializer)
        where T : class
    {
        using var plain = new PooledBuffer();
        return MessageCompression.Decompress(call.RequestCompression!, payload, plain, call.Handler.Settings.MaxReceiveMessageSize) switch
        {
            DecompressionResult.Done => Deserialize(call, plain.Written, deserializer),
            DecompressionResult.TooLong => throw TooLong(),
            _ => throw Error(StatusCode.Internal, "A message could not be decompressed."),
        };
    }

    private static RpcException TooLong() => Error(StatusCode.ResourceExhausted, "Received message exceeds the maximum configured message size.");

    private static RpcException Error(StatusCode code, string detail) => new(new Status(code, detail));

    /// <summary>Hands a message to its deserialiser; one per thread, since deserialisers do not wait.</summary>
    private sealed class PayloadContext : DeserializationContext
    {
        [ThreadStatic]
        private static PayloadContext? s_cached;

        private ReadOnlySequence<byte> _payload;

        public override int PayloadLength => (int)_payload.Length;

        public static PayloadContext Rent(in ReadOnlySequence<byte> payload)
        {
            var context = s_cached ?? new PayloadContext();
            s_cached = null;
            context._payload = payload;
            return context;
        }

        public void Return()
        {
            _payload = default;
            s_cached = this;
        }

        public override byte[] PayloadAsNewBuffer() => _payload.ToArray();

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => _payload;
    }
}
