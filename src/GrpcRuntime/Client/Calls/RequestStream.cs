using Grpc.Core;

namespace Grpc.Net.Client.Calls;

/// <summary>The requests of a client-streaming or duplex call.</summary>
internal sealed class RequestStream<TRequest, TResponse>(GrpcCall<TRequest, TResponse> call, StreamingContent content, Task response) : IClientStreamWriter<TRequest>
    where TRequest : class
    where TResponse : class
{
    private Stream? _stream;
    private int _writing;
    private volatile bool _complete;

    public WriteOptions? WriteOptions { get; set; } = call.DefaultWriteOptions;

    public Task WriteAsync(TRequest message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(TRequest message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (_complete)
        {
            return Task.FromException(new InvalidOperationException("Nothing can be written after CompleteAsync."));
        }

        if (call.IsEnded)
        {
            return Task.FromException(AfterEnd());
        }

        return Interlocked.Exchange(ref _writing, 1) != 0
            ? Task.FromException(new InvalidOperationException("The write before is not done: one message is written at a time."))
            : WriteMessageAsync(message, cancellationToken);
    }

    public Task CompleteAsync()
    {
        if (Volatile.Read(ref _writing) != 0)
        {
            return Task.FromException(new InvalidOperationException("The write before is not done: complete the stream afterwards."));
        }

        _complete = true;
        content.Complete();
        return Task.CompletedTask;
    }

    private async Task WriteMessageAsync(TRequest message, CancellationToken cancellationToken)
    {
        var registration = cancellationToken.CanBeCanceled ? call.OnCancelled(cancellationToken) : default;
        try
        {
            // What cannot be serialised was not sent: the call goes on.
            var frame = call.Serialize(message, WriteOptions);
            try
            {
                await SendAsync(frame);
            }
            finally
            {
                frame.Return();
            }
        }
        finally
        {
            registration.Unregister();
            Volatile.Write(ref _writing, 0);
        }
    }

    private async ValueTask SendAsync(Frame frame)
    {
        try
        {
            _stream ??= await content.OpenAsync() ?? throw AfterEnd();
            await _stream.WriteAsync(frame.Memory, call.Token);
            if (WriteOptions is not { } options || !options.Flags.HasFlag(WriteFlags.BufferHint))
            {
                await _stream.FlushAsync(call.Token);
            }
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException)
        {
            throw await call.WriteFailedAsync(e, response);
        }
    }

    private Exception AfterEnd() => call.EndedOk
        ? new InvalidOperationException("The call is done: nothing can be written any more.")
        : call.CreateException();
}
