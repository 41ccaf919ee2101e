using System.Buffers;
using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>
/// A call with a stream in at least one direction, and those streams themselves. What one read of the request brought is
/// kept until its messages are used up, so that many small messages cost one read.
/// </summary>
internal sealed class StreamCall<TRequest, TResponse>(
    HttpContext http, CallHandler handler, Func<DeserializationContext, TRequest> deserializer, Action<TResponse, SerializationContext> serializer)
    : ServerCall(http, handler), IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>
    where TRequest : class
    where TResponse : class
{
    // What WriteFlags.BufferHint may hold back.
    private const int MaxBuffered = 32 * 1024;

    private TRequest? _current;
    private ReadOnlySequence<byte> _unread;
    private bool _holding;
    private bool _requestEnded;
    private int _reading;
    private int _writing;
    private int _buffered;

    public TRequest Current => _current!;

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<bool>(cancellationToken);
        }

        if (IsFinished)
        {
            return Task.FromException<bool>(new InvalidOperationException("Can't read messages after the request is complete."));
        }

        return Interlocked.Exchange(ref _reading, 1) == 0
            ? ReadNextAsync(cancellationToken)
            : Task.FromException<bool>(new InvalidOperationException("Can't read the next message because the previous read is still in progress."));
    }

    public Task WriteAsync(TResponse message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(TResponse message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }

        if (Interlocked.Exchange(ref _writing, 1) != 0)
        {
            return Task.FromException(new InvalidOperationException("Can't write the message because the previous write is in progress."));
        }

        ValueTask<FlushResult> flush;
        try
        {
            flush = Write(message, cancellationToken);
        }
        catch (Exception exception)
        {
            Volatile.Write(ref _writing, 0);
            return Task.FromException(exception);
        }

        return FlushedAsync(flush);
    }

    private async Task<bool> ReadNextAsync(CancellationToken cancellationToken)
    {
        try
        {
            var reader = Http.Request.BodyReader;
            while (true)
            {
                if (_holding)
                {
                    if (MessageReader.TryRead(this, ref _unread, deserializer, out _current))
                    {
                        return true;
                    }

                    if (_requestEnded)
                    {
                        return _unread.IsEmpty ? false : throw MessageReader.Incomplete();
                    }

                    _holding = false;
                    reader.AdvanceTo(_unread.Start, _unread.End);
                    _unread = default;
                }

                // The wait may be long: a stream that is idle keeps neither the message before nor the buffer it came in.
                _current = null;

                var result = await reader.ReadAsync(cancellationToken);
                _unread = result.Buffer;
                _requestEnded = result.IsCompleted;
                _holding = true;
            }
        }
        catch (Exception exception) when (exception is not (RpcException or OperationCanceledException) && IsCancelled)
        {
            // Kestrel tells of a reset stream with exceptions of its own.
            throw new OperationCanceledException("The call was cancelled by its caller or by its deadline.", exception, CancellationToken);
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    private ValueTask<FlushResult> Write(TResponse message, CancellationToken cancellationToken)
    {
        var gate = ResponseGate;
        gate?.Enter();
        try
        {
            if (HasEnded || IsCancelled)
            {
                throw new InvalidOperationException("Can't write the message because the request is complete.");
            }

            _buffered += MessageWriter.Write(this, message, serializer);
            if (WriteOptions is { } options && options.Flags.HasFlag(WriteFlags.BufferHint) && _buffered < MaxBuffered)
            {
                return default;
            }

            _buffered = 0;
            return Body.FlushAsync(cancellationToken);
        }
        finally
        {
            gate?.Exit();
        }
    }

    /// <summary>Costs no allocation where the flush is done already.</summary>
    private async Task FlushedAsync(ValueTask<FlushResult> flush)
    {
        try
        {
            if ((await flush).IsCompleted)
            {
                throw NobodyReads();
            }
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    /// <summary>
    /// The peer is gone. The call's token says so too, but from a thread of the pool: handlers that write without a pause to peers that
    /// left would hold all of its threads and wait for one.
    /// </summary>
    private OperationCanceledException NobodyReads() => new("The call was cancelled by its caller.", CancellationToken);
}
