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
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _done = new();
    private Stream? _stream;
    private int _used;

    public StreamingContent() => Headers.ContentType = GrpcContentType.Value;

    /// <summary>Whether anything may have been written, so that the request cannot be sent again.</summary>
    public bool IsUsed => Volatile.Read(ref _used) != 0;

    /// <summary>The stream to write to, when the request is being sent; null when the call ended before.</summary>
    public async ValueTask<Stream?> OpenAsync()
    {
        await _open.Task;
        Interlocked.Exchange(ref _used, 1);
        return Volatile.Read(ref _stream);
    }

    /// <summary>Ends the body.</summary>
    public void Complete() => _done.TrySetResult();

    /// <summary>Gives the body up: its stream is reset if it is open still.</summary>
    public void Abort()
    {
        _open.TrySetResult();
        _done.TrySetCanceled();
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    /// <summary>The transport comes again when a connection was lost before the server saw the request.</summary>
    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        try
        {
            // The headers wait for the first write otherwise, and the server may be the one to speak first.
            await stream.FlushAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The server wants no more of the request: what that means for the call, its response says.
            return;
        }

        if (IsUsed)
        {
            throw new IOException("The connection was lost, and what was streamed cannot be sent again.");
        }

        Volatile.Write(ref _stream, stream);
        _open.TrySetResult();
        await _done.Task;
    }

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
