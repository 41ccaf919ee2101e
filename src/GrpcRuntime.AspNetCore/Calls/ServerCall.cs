using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Grpc.Core;
using Grpc.Net.Compression;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>
/// One call, and the context its handler gets. The response is ended once: by the handler's side or by the deadline,
/// whichever claims the end first.
/// </summary>
#pragma warning disable CA1001 // Finish stops the deadline; a call is never disposed of otherwise.
internal class ServerCall(HttpContext http, CallHandler handler) : ServerCallContext
#pragma warning restore CA1001
{
    private const int NotEnded = 0;
    private const int EndedByHandler = 1;
    private const int EndedByDeadline = 2;

    private readonly long _started = Diagnostics.CallStarted();
    private int _end;
    private Status _status;
    private Metadata? _requestHeaders;
    private Metadata? _responseTrailers;
    private AuthContext? _authContext;
    private CallDeadline? _deadline;
    private CancellationToken _aborted;
    private bool _abortedKnown;
    private bool _encodingChosen;
    private bool _bodyStarted;

    public HttpContext Http { get; } = http;

    public CallHandler Handler { get; } = handler;

    /// <summary>The encoding of the request's messages; null for identity.</summary>
    public ICompressionProvider? RequestCompression { get; private set; }

    /// <summary>The encoding of the response's messages; null for identity. Fixed when the headers are.</summary>
    public ICompressionProvider? ResponseCompression { get; private set; }

    /// <summary>Whether the handler's side is done: the HTTP request belongs to the next call from then on.</summary>
    public bool IsFinished { get; private set; }

    public bool HasEnded => Volatile.Read(ref _end) != NotEnded;

    /// <summary>Taken around whatever touches the response while the deadline may end it from another thread; null without a deadline.</summary>
    public Lock? ResponseGate => _deadline?.Gate;

    public bool IsCancelled => CancellationTokenCore.IsCancellationRequested;

    protected override string MethodCore => Http.Request.Path.Value!;

    protected override string HostCore => Http.Request.Host.Value!;

    protected override string PeerCore
    {
        get
        {
            var connection = Http.Connection;
            return connection.RemoteIpAddress switch
            {
                null => "unix:",
                { AddressFamily: AddressFamily.InterNetworkV6 } address => $"ipv6:[{address}]:{connection.RemotePort}",
                var address => $"ipv4:{address}:{connection.RemotePort}",
            };
        }
    }

    protected override DateTime DeadlineCore => _deadline?.Utc ?? DateTime.MaxValue;

    protected override Metadata RequestHeadersCore => _requestHeaders ??= ReadRequestHeaders();

    protected override CancellationToken CancellationTokenCore => _deadline is null ? RequestAborted : _deadline.Token;

    protected override Metadata ResponseTrailersCore => _responseTrailers ??= [];

    protected override Status StatusCore
    {
        get => _status;
        set => _status = value;
    }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => _authContext ??= PeerCertificate.ToAuthContext(Http.Connection.ClientCertificate);

    protected override IDictionary<object, object> UserStateCore
    {
        get
        {
            // A context that wraps this one still leads to its HttpContext.
            var items = Http.Items;
            items[ServerCallContextExtensions.HttpContextKey] = Http;
            return items!;
        }
    }

    /// <summary>The token of the HTTP request, fetched once: Kestrel makes a source for it when it is asked.</summary>
    internal CancellationToken RequestAborted
    {
        get
        {
            if (!_abortedKnown)
            {
                _aborted = Http.RequestAborted;
                _abortedKnown = true;
            }

            return _aborted;
        }
    }

    /// <summary>Reads the protocol's own headers and starts the clock of the deadline.</summary>
    public void Start()
    {
        var headers = Http.Request.Headers;
        var timeout = headers.GrpcTimeout;
        if (timeout.Count != 0)
        {
            if (timeout.Count != 1 || !GrpcTimeout.TryParse(timeout[0], out var span))
            {
                throw new RpcException(new Status(StatusCode.Internal, "The grpc-timeout header is malformed."));
            }

            _deadline = new CallDeadline(this, span);
            _deadline.Start();
        }

        var encoding = headers.GrpcEncoding;
        if (encoding.Count != 0 && !(encoding.Count == 1 && encoding[0] == GrpcProtocol.IdentityEncoding))
        {
            RequestCompression = encoding.Count == 1 ? Handler.Settings.Compression.GetValueOrDefault(encoding[0]!) : null;
            if (RequestCompression is null)
            {
                Http.Response.Headers.GrpcAcceptEncoding = Handler.Settings.AcceptEncoding;
                throw new RpcException(new Status(StatusCode.Unimplemented, $"The message encoding '{encoding}' is not supported."));
            }
        }
    }

    /// <summary>Ends a call whose handler threw, or whose request broke a rule.</summary>
    public void Fail(Exception exception)
    {
        if (exception is RpcException rpc)
        {
            Log.RpcException(Handler.Logger, rpc.StatusCode, rpc);
            foreach (var entry in rpc.Trailers)
            {
                ResponseTrailersCore.Add(entry);
            }

            End(rpc.Status);
            return;
        }

        if (Volatile.Read(ref _end) == EndedByDeadline || IsCancelled)
        {
            // The caller is gone, or has its DEADLINE_EXCEEDED already: what the handler makes of that is its own business.
            Log.EndedByCaller(Handler.Logger, MethodCore, exception);
            End(Status.DefaultCancelled);
            return;
        }

        Log.HandlerFailed(Handler.Logger, MethodCore, exception);
        var text = "Exception was thrown by handler.";
        if (Handler.Settings.DetailedErrors)
        {
            text = $"{text} {Describe(exception)}";
        }

        End(new Status(StatusCode.Unknown, text, exception));
    }

    /// <summary>Ends the call with what the handler set, which is OK unless it set something else.</summary>
    public void End() => End(_status);

    /// <summary>Ends the call with its one response; with the status alone when the handler set one that is not OK.</summary>
    public void EndWith<TResponse>(TResponse? response, Action<TResponse, SerializationContext> serializer)
        where TResponse : class
    {
        if (_status.StatusCode == StatusCode.OK)
        {
            if (response is null)
            {
                throw new RpcException(new Status(StatusCode.Cancelled, "No message returned from method."));
            }

            if (!ClaimEnd())
            {
                return;
            }

            // Not flushed: headers, message and trailers leave together when the request is done.
            MessageWriter.Write(this, response, serializer);
        }

        End(_status);
    }

    public void End(Status status)
    {
        if (ClaimEnd())
        {
            _status = status;
            WriteStatus(status, _responseTrailers);
        }
    }

    /// <summary>Whether this, the handler's side, has the ending of the response to itself; true again when it has it already.</summary>
    public bool ClaimEnd() =>
        Interlocked.CompareExchange(ref _end, EndedByHandler, NotEnded) is NotEnded or EndedByHandler;

    /// <summary>The deadline ends the response; false when it was ended before.</summary>
    public bool EndByDeadline()
    {
        if (Interlocked.CompareExchange(ref _end, EndedByDeadline, NotEnded) != NotEnded)
        {
            return false;
        }

        // The handler may be adding to its trailers at this moment: they are left out.
        _status = CallDeadline.Exceeded;
        WriteStatus(CallDeadline.Exceeded, trailers: null);
        return true;
    }

    /// <summary>After the last use of the response by the handler's side; what is given is still to be awaited.</summary>
    public Task? Finish()
    {
        IsFinished = true;
        Diagnostics.CallEnded(Http, Handler.Method, _status.StatusCode, _started);
        return _deadline?.Stop();
    }

    /// <summary>Before the first message: the encoding is settled.</summary>
    public void StartEncoding()
    {
        if (!_encodingChosen)
        {
            ChooseEncoding(wanted: null);
        }
    }

    /// <summary>A message is in the response's body: the status goes to the trailers from now on.</summary>
    public void StartBody() => _bodyStarted = true;

    /// <summary>Whether the next message is to be compressed.</summary>
    public bool CompressNext() => ResponseCompression is not null && (WriteOptionsCore is null || !WriteOptionsCore.Flags.HasFlag(WriteFlags.NoCompress));

    public PipeWriter Body => Http.Response.BodyWriter;

    protected override async Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        ArgumentNullException.ThrowIfNull(responseHeaders);
        ValueTask<FlushResult> flush;
        var gate = ResponseGate;
        gate?.Enter();
        try
        {
            if (Http.Response.HasStarted || _bodyStarted || HasEnded)
            {
                throw new InvalidOperationException("Response headers can only be sent once per call.");
            }

            string? encoding = null;
            foreach (var entry in responseHeaders)
            {
                if (entry.Key == GrpcProtocol.RequestEncodingHeader)
                {
                    encoding = entry.Value;
                }
                else if (!MetadataWire.IsReserved(entry.Key))
                {
                    Http.Response.Headers.Append(entry.Key, MetadataWire.HeaderValue(entry));
                }
            }

            ChooseEncoding(encoding);
            flush = Body.FlushAsync(CancellationToken.None);
        }
        finally
        {
            gate?.Exit();
        }

        await flush;
    }

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException("CreatePropagationToken is not supported: pass the deadline and the cancellation token on.");

    private static string Describe(Exception exception)
    {
        var text = new StringBuilder();
        for (var current = exception; current is not null; current = current.InnerException)
        {
            text.Append(text.Length == 0 ? "" : " ").Append(current.GetType().Name).Append(": ").Append(current.Message);
        }

        return text.ToString();
    }

    private void ChooseEncoding(string? wanted)
    {
        _encodingChosen = true;
        var provider = wanted is null
            ? Handler.Settings.ResponseCompression
            : Handler.Settings.Compression.GetValueOrDefault(wanted);
        if (provider is not null && Accepts(provider.EncodingName))
        {
            ResponseCompression = provider;
            Http.Response.Headers.GrpcEncoding = provider.EncodingName;
        }
    }

    private bool Accepts(string encoding)
    {
        foreach (var value in Http.Request.Headers.GrpcAcceptEncoding)
        {
            foreach (var part in value.AsSpan().Split(','))
            {
                if (value.AsSpan(part).Trim(" \t").SequenceEqual(encoding))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private Metadata ReadRequestHeaders()
    {
        var metadata = new Metadata(Http.Request.Headers.Count);
        foreach (var (name, values) in Http.Request.Headers)
        {
            if (MetadataWire.IsReserved(name) || name.Equals("accept-encoding", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            foreach (var value in values)
            {
                if (!MetadataWire.TryAdd(metadata, name, value ?? ""))
                {
                    throw new RpcException(new Status(StatusCode.Internal, $"The binary header '{name}' is not valid base64."));
                }
            }
        }

        return metadata;
    }

    /// <summary>
    /// The status and the trailers, into the headers when nothing has been sent (Trailers-Only) and into the trailing
    /// headers otherwise. They leave with the end of the response.
    /// </summary>
    private void WriteStatus(Status status, Metadata? trailers)
    {
        var response = Http.Response;
        var destination = _bodyStarted || response.HasStarted
            ? Http.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers
            : response.Headers;
        if (trailers is not null && !TryAddTrailers(destination, trailers))
        {
            status = new Status(StatusCode.Internal, "The trailers of the call cannot be sent.");
        }

        destination.GrpcStatus = StatusText.Of(status.StatusCode);
        if (status.Detail.Length != 0)
        {
            destination.GrpcMessage = PercentEncoding.Encode(status.Detail);
        }
    }

    private bool TryAddTrailers(IHeaderDictionary destination, Metadata trailers)
    {
        var added = new List<string>(trailers.Count);
        try
        {
            foreach (var entry in trailers)
            {
                if (!MetadataWire.IsReserved(entry.Key))
                {
                    added.Add(entry.Key);
                    destination[entry.Key] = StringValues.Concat(destination[entry.Key], MetadataWire.HeaderValue(entry));
                }
            }

            return true;
        }
        catch (InvalidOperationException exception)
        {
            // A value with a control character or outside ASCII, which no HTTP header can carry.
            Log.InvalidTrailers(Handler.Logger, MethodCore, exception);
            foreach (var key in added)
            {
                destination.Remove(key);
            }

            return false;
        }
    }
}
