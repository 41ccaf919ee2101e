using System.Net;
using System.Net.Http.Headers;
using Grpc.Wire;

namespace Grpc.Net.Client.Calls;

/// <summary>The body of a request with one message. It may be sent several times, until <see cref="Release"/>.</summary>
internal sealed class UnaryContent : HttpContent
{
    private readonly Frame _frame;

    // The owner, and each sending under way: the array goes back to the pool when none is left.
    private int _users = 1;

    public UnaryContent(Frame frame)
    {
        _frame = frame;
        Headers.ContentType = GrpcContentType.Value;
    }

    /// <summary>Called once, when the body will not be sent again.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            _frame.Return();
        }
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        int users;
        do
        {
            users = Volatile.Read(ref _users);
            ObjectDisposedException.ThrowIf(users == 0, this);
        }
        while (Interlocked.CompareExchange(ref _users, users + 1, users) != users);

        try
        {
            await stream.WriteAsync(_frame.Memory, cancellationToken);
        }
        finally
        {
            Release();
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}

/// <summary>The body of a request with a stream of messages: lends the transport's stream to the writer until it is done.</summary>
internal sealed class StreamingContent : HttpContent
{
    private readonly TaskCompletionSource<Stream?> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _done = new();

    public StreamingContent() => Headers.ContentType = GrpcContentType.Value;

    /// <summary>The stream to write to, when the request is being sent; null when the call ended before.</summary>
    public Task<Stream?> Stream => _stream.Task;

    /// <summary>Whether anything may have been written, so that the request cannot be sent again.</summary>
    public bool IsStarted => _stream.Task.IsCompleted;

    /// <summary>Ends the body.</summary>
    public void Complete() => _done.TrySetResult();

    /// <summary>Gives the body up: its stream is reset if it is open still.</summary>
    public void Abort()
    {
        _stream.TrySetResult(null);
        _done.TrySetCanceled();
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        _stream.TrySetResult(stream)
            ? _done.Task
            : throw new InvalidOperationException("A request stream cannot be sent a second time.");

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}

internal static class GrpcContentType
{
    public static readonly MediaTypeHeaderValue Value = new(GrpcProtocol.ContentType);
}
