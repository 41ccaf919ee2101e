using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net.Http.Headers;
using Grpc.Core;

namespace Grpc.Net.Client.Calls;

/// <summary>
/// A call without its message types: how it ends, its headers and trailers. It ends once, by whatever comes first: the
/// status of the server, a failure, the deadline, its caller.
/// </summary>
internal abstract partial class GrpcCall : IDisposable
{
    // A timer cannot wait longer; a server enforces what is beyond.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    // Without a timer and without a wait handle, it holds nothing that would have to be disposed.
    [SuppressMessage("Reliability", "CA2213", Justification = "See above.")]
    private readonly CancellationTokenSource _cancellation = new();
    private readonly CancellationTokenRegistration _callerRegistration;
    private readonly CancellationTokenRegistration _propagationRegistration;
    private readonly CancellationTokenRegistration _channelRegistration;
    private readonly ITimer? _deadlineTimer;
    private readonly long _startedAt;
    private Activity? _activity;
    private TaskCompletionSource<Metadata>? _headersSource;
    private HttpResponseMessage? _response;
    private Metadata? _trailers;
    private volatile bool _hasHeaders;
    private volatile bool _hasHeadersAtEnd;
    private volatile Outcome? _outcome;

    protected GrpcCall(GrpcChannel channel, IMethod method, string? host, CallOptions options)
    {
        channel.ThrowIfDisposed();
        Channel = channel;
        Method = method;
        Info = channel.GetMethodInfo(method);
        Host = host;
        Options = options;
        _startedAt = ClientDiagnostics.IsMeasuring ? channel.TimeProvider.GetTimestamp() : 0;
        var propagated = options.PropagationToken as ServerContextPropagationToken;
        Deadline = EarlierDeadline(options.Deadline, propagated?.Deadline);
        if (Deadline is { } deadline)
        {
            var left = deadline - channel.TimeProvider.GetUtcNow().UtcDateTime;
            if (left <= TimeSpan.Zero)
            {
                EndByDeadline();
                return;
            }

            if (left < LongestTimer)
            {
                _deadlineTimer = channel.TimeProvider.CreateTimer(static call => ((GrpcCall)call!).EndByDeadline(), this, left, Timeout.InfiniteTimeSpan);
            }
        }

        _callerRegistration = OnCancelled(options.CancellationToken);
        _channelRegistration = channel.Disposing.UnsafeRegister(static call => ((GrpcCall)call!).End(new Status(StatusCode.Cancelled, "The channel was disposed."), byCaller: true), this);
        if (propagated is not null)
        {
            _propagationRegistration = OnCancelled(propagated.CancellationToken);
        }

        if (_outcome is not null)
        {
            // Ended by a token that had fired before, when the registrations were not known yet.
            Unregister();
        }
    }

    protected GrpcChannel Channel { get; }

    protected IMethod Method { get; }

    protected MethodInfo Info { get; }

    protected string? Host { get; }

    protected CallOptions Options { get; }

    /// <summary>When the call has to be done, in UTC.</summary>
    protected DateTime? Deadline { get; }

    /// <summary>Fires when the call ended otherwise than by the server's status.</summary>
    public CancellationToken Token => _cancellation.Token;

    public bool IsEnded => _outcome is not null;

    public bool EndedOk => _outcome is { Status.StatusCode: StatusCode.OK };

    /// <summary>How requests are written where their writer says nothing else.</summary>
    public WriteOptions? DefaultWriteOptions => Options.WriteOptions;

    /// <summary>The response, after its headers have come.</summary>
    protected HttpResponseMessage Response => _response!;

    /// <summary>Cancels the call at a token of its caller.</summary>
    public CancellationTokenRegistration OnCancelled(CancellationToken token) => token.UnsafeRegister(
        static call => ((GrpcCall)call!).End(new Status(StatusCode.Cancelled, "The call was cancelled by the client."), byCaller: true),
        this);

    /// <summary>The caller has no interest in the call any more.</summary>
    public void Dispose() => End(new Status(StatusCode.Cancelled, "The call was disposed."), byCaller: true);

    public Task<Metadata> ResponseHeadersAsync()
    {
        var source = Volatile.Read(ref _headersSource);
        if (source is null)
        {
            source = new TaskCompletionSource<Metadata>(TaskCreationOptions.RunContinuationsAsynchronously);
            source = Interlocked.CompareExchange(ref _headersSource, source, null) ?? source;
        }

        SettleHeaders();
        return source.Task;
    }

    public Status GetStatus() => _outcome is { } outcome
        ? outcome.Status
        : throw new InvalidOperationException("The status is known when the call is done.");

    public Metadata GetTrailers() => _outcome is not null && (_hasHeaders || _hasHeadersAtEnd)
        ? _trailers ?? Metadata.Empty
        : throw new InvalidOperationException("The trailers are known when the call is done and the server answered.");

    /// <summary>Ends the call, unless it is ended already; frees everything but the buffers of a read or write under way.</summary>
    public bool End(Status status, bool byCaller = false)
    {
        var outcome = status is { StatusCode: StatusCode.OK, Detail.Length: 0 } ? Outcome.Success : new Outcome(status, byCaller);
        if (Interlocked.CompareExchange(ref _outcome, outcome, null) is not null)
        {
            return false;
        }

        Unregister();
        Report(status);
        if (status.StatusCode != StatusCode.OK)
        {
            _cancellation.Cancel();
        }

        Volatile.Read(ref _response)?.Dispose();
        SettleHeaders();
        OnEnded(status);
        return true;
    }

    /// <summary>Ends the call for <paramref name="error"/>, unless it is ended already, and gives the exception to throw.</summary>
    public Exception Fail(Exception error)
    {
        if (_outcome is null)
        {
            var late = error is not RpcException && Deadline <= Channel.TimeProvider.GetUtcNow().UtcDateTime;
            if (late)
            {
                EndByDeadline();
            }
            else
            {
                End(ClientStatus.FromException(error));
            }
        }

        return CreateException();
    }

    /// <summary>The exception of a call that ended.</summary>
    public Exception CreateException()
    {
        var outcome = _outcome!;
        var exception = new RpcException(outcome.Status, _trailers ?? Metadata.Empty);
        return outcome.ByCaller && Channel.ThrowOperationCanceledOnCancellation
            ? new OperationCanceledException(outcome.Status.Detail, exception, Options.CancellationToken)
            : exception;
    }

    /// <summary>
    /// The exception of a write that the transport refused: the reason is the status of the call, where
    /// <paramref name="response"/> brings it.
    /// </summary>
    public async ValueTask<Exception> WriteFailedAsync(Exception error, Task response)
    {
        await response.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!IsEnded)
        {
            // The server goes on answering: what it has to say is for the reader of the responses.
            return new RpcException(ClientStatus.FromException(error));
        }

        return EndedOk ? new InvalidOperationException("The call is done: nothing can be written any more.", error) : CreateException();
    }

    /// <summary>Ends with the status that the trailers carry, the whole body having been read.</summary>
    public Status EndByTrailers()
    {
        End(ReadTrailers(Response.TrailingHeaders) ?? MissingStatus);
        return GetStatus();
    }

    protected static Status MissingStatus => new(StatusCode.Unknown, "The response has no grpc-status.");

    /// <summary>Takes status and metadata out of what ends the response; null when there is no status.</summary>
    protected Status? ReadTrailers(HttpResponseHeaders headers)
    {
        var status = ClientStatus.FromHeaders(headers);
        if (headers.NonValidated.Count <= 1)
        {
            return status;
        }

        var valid = ClientStatus.TryReadMetadata(headers, out var trailers, out var malformed);
        _trailers = trailers;
        return valid || status is { StatusCode: not StatusCode.OK }
            ? status
            : new Status(StatusCode.Internal, $"The binary trailer '{malformed}' is not base64.");
    }

    /// <summary>Told when the call ended.</summary>
    protected abstract void OnEnded(Status status);

    /// <summary>Takes a response whose headers came.</summary>
    protected void SetResponse(HttpResponseMessage response)
    {
        Interlocked.Exchange(ref _response, response);
        if (_outcome is not null)
        {
            // Ended while the headers were on their way.
            response.Dispose();
            throw CreateException();
        }
    }

    /// <summary>The headers of the response are for the caller to see once the call has ended: they have its status too.</summary>
    protected void PublishHeadersAtEnd() => _hasHeadersAtEnd = true;

    /// <summary>The headers of the response are there for the caller to see.</summary>
    protected void PublishHeaders()
    {
        _hasHeaders = true;
        Interlocked.MemoryBarrier();
        SettleHeaders();
    }

    private static DateTime? EarlierDeadline(DateTime? own, DateTime? propagated)
    {
        if (own is { Kind: not DateTimeKind.Utc } && own != DateTime.MaxValue && own != DateTime.MinValue)
        {
            throw new InvalidOperationException("A deadline is in UTC.");
        }

        var deadline = propagated is null || own < propagated ? own : propagated;
        return deadline == DateTime.MaxValue ? null : deadline;
    }

    private void EndByDeadline() => End(new Status(StatusCode.DeadlineExceeded, "The deadline passed."), byCaller: true);

    private void Unregister()
    {
        _deadlineTimer?.Dispose();
        _callerRegistration.Unregister();
        _propagationRegistration.Unregister();
        _channelRegistration.Unregister();
    }

    private void Report(Status status)
    {
        if (status.StatusCode != StatusCode.OK)
        {
            Log.CallEnded(Channel.Logger, Method.FullName, status.StatusCode);
        }

        if (Volatile.Read(ref _activity) is { } activity)
        {
            ClientDiagnostics.Stop(activity, status);
        }

        if (_startedAt != 0)
        {
            ClientDiagnostics.Record(Channel.TimeProvider.GetElapsedTime(_startedAt), Method, Info.Uri, status);
        }
    }

    /// <summary>Settles the task that <see cref="ResponseHeadersAsync"/> gave out, if it can be settled.</summary>
    private void SettleHeaders()
    {
        var source = Volatile.Read(ref _headersSource);
        if (source is null || source.Task.IsCompleted)
        {
            return;
        }

        if (_hasHeaders || (_outcome is not null && _hasHeadersAtEnd))
        {
            if (ClientStatus.TryReadMetadata(Response.Headers, out var headers, out var malformed))
            {
                source.TrySetResult(headers);
            }
            else
            {
                SetFailed(source, ClientStatus.Violation(StatusCode.Internal, $"The binary header '{malformed}' is not base64."));
            }
        }
        else if (_outcome is not null)
        {
            SetFailed(source, CreateException());
        }
    }

    private static void SetFailed(TaskCompletionSource<Metadata> source, Exception error)
    {
        if (source.TrySetException(error))
        {
            // The caller learns of the failure elsewhere too: this task need not be awaited.
            _ = source.Task.Exception;
        }
    }

    private sealed record Outcome(Status Status, bool ByCaller)
    {
        public static readonly Outcome Success = new(Status.DefaultSuccess, ByCaller: false);
    }
}
