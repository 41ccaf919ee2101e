namespace Grpc.Core;

/// <summary>What a server method knows about, and may do to, the call it serves.</summary>
public abstract class ServerCallContext
{
    private Dictionary<object, object>? _userState;

    /// <summary>The path of the method: <c>/service/method</c>.</summary>
    public string Method => MethodCore;

    /// <summary>The host that the caller named.</summary>
    public string Host => HostCore;

    /// <summary>The address of the peer, such as <c>ipv4:127.0.0.1:5000</c>.</summary>
    public string Peer => PeerCore;

    /// <summary>When the call has to be done, in UTC; <see cref="DateTime.MaxValue"/> when there is no deadline.</summary>
    public DateTime Deadline => DeadlineCore;

    /// <summary>The headers of the request.</summary>
    public Metadata RequestHeaders => RequestHeadersCore;

    /// <summary>Fires when the caller gave up, the deadline passed or the connection broke.</summary>
    public CancellationToken CancellationToken => CancellationTokenCore;

    /// <summary>The trailers to send at the end.</summary>
    public Metadata ResponseTrailers => ResponseTrailersCore;

    /// <summary>The status to end with, when the method returns without an exception.</summary>
    public Status Status
    {
        get => StatusCore;
        set => StatusCore = value;
    }

    /// <summary>How the responses are written; null for the defaults.</summary>
    public WriteOptions? WriteOptions
    {
        get => WriteOptionsCore;
        set => WriteOptionsCore = value;
    }

    /// <summary>What the transport knows about the identity of the peer.</summary>
    public AuthContext AuthContext => AuthContextCore;

    /// <summary>A place for interceptors and the method to leave things for each other.</summary>
    public IDictionary<object, object> UserState => UserStateCore;

    /// <summary>The path of the method.</summary>
    protected abstract string MethodCore { get; }

    /// <summary>The host that the caller named.</summary>
    protected abstract string HostCore { get; }

    /// <summary>The address of the peer.</summary>
    protected abstract string PeerCore { get; }

    /// <summary>When the call has to be done.</summary>
    protected abstract DateTime DeadlineCore { get; }

    /// <summary>The headers of the request.</summary>
    protected abstract Metadata RequestHeadersCore { get; }

    /// <summary>Fires when the call is over for the caller.</summary>
    protected abstract CancellationToken CancellationTokenCore { get; }

    /// <summary>The trailers to send.</summary>
    protected abstract Metadata ResponseTrailersCore { get; }

    /// <summary>The status to end with.</summary>
    protected abstract Status StatusCore { get; set; }

    /// <summary>How the responses are written.</summary>
    protected abstract WriteOptions? WriteOptionsCore { get; set; }

    /// <summary>What the transport knows about the identity of the peer.</summary>
    protected abstract AuthContext AuthContextCore { get; }

    /// <summary>A place for things to be left.</summary>
    protected virtual IDictionary<object, object> UserStateCore => _userState ??= [];

    /// <summary>Sends the response headers now rather than with the first message; at most once.</summary>
    public Task WriteResponseHeadersAsync(Metadata responseHeaders) => WriteResponseHeadersAsyncCore(responseHeaders);

    /// <summary>A token that hands the deadline and the cancellation of this call on to another.</summary>
    public ContextPropagationToken CreatePropagationToken(ContextPropagationOptions? options = null) => CreatePropagationTokenCore(options);

    /// <summary>Sends the response headers.</summary>
    protected abstract Task WriteResponseHeadersAsyncCore(Metadata responseHeaders);

    /// <summary>Makes a propagation token.</summary>
    protected abstract ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options);
}
