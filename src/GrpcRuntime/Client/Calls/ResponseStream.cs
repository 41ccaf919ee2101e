using System.Diagnostics.CodeAnalysis;
using Grpc.Core;

namespace Grpc.Net.Client.Calls;

/// <summary>The responses of a server-streaming or duplex call.</summary>
internal sealed class ResponseStream<TRequest, TResponse>(GrpcCall<TRequest, TResponse> call, Task<MessageReader?> start) : IAsyncStreamReader<TResponse>
    where TRequest : class
    where TResponse : class
{
    private static readonly Task<bool> True = Task.FromResult(true);
    private static readonly Task<bool> False = Task.FromResult(false);

    private MessageReader? _reader;
    private int _reading;

    public TResponse Current { get; private set; } = null!;

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _reading, 1) != 0)
        {
            return Task.FromException<bool>(new InvalidOperationException("The read before is not done: one message is read at a time."));
        }

        if (cancellationToken.IsCancellationRequested)
        {
            call.OnCancelled(cancellationToken);
        }

        if (call.IsEnded)
        {
            Volatile.Write(ref _reading, 0);
            return call.EndedOk ? False : Task.FromException<bool>(call.CreateException());
        }

        return TryTakeBuffered(out var taken) ? taken : MoveNextAsync(cancellationToken);
    }

    /// <summary>The next message, if it is in the buffer already.</summary>
    private bool TryTakeBuffered([NotNullWhen(true)] out Task<bool>? taken)
    {
        try
        {
            if (_reader is null || !_reader.HasMessage())
            {
                taken = null;
                return false;
            }

            Current = call.Take(_reader);
            Volatile.Write(ref _reading, 0);
            taken = True;
        }
        catch (RpcException e)
        {
            Volatile.Write(ref _reading, 0);
            taken = Task.FromException<bool>(call.Fail(e));
        }

        return true;
    }

    private async Task<bool> MoveNextAsync(CancellationToken cancellationToken)
    {
        var registration = cancellationToken.CanBeCanceled ? call.OnCancelled(cancellationToken) : default;
        try
        {
            _reader ??= await start;
            if (_reader is null)
            {
                return call.EndedOk ? false : throw call.CreateException();
            }

            if (await _reader.ReadAsync(call.Token))
            {
                Current = call.Take(_reader);
                return true;
            }

            return call.EndByTrailers().StatusCode == StatusCode.OK ? false : throw call.CreateException();
        }
        catch (Exception e)
        {
            _reader?.Release();
            throw call.Fail(e);
        }
        finally
        {
            registration.Unregister();
            Volatile.Write(ref _reading, 0);
        }
    }
}
