using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Calls;
using Grpc.Net.Compression;
using Grpc.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Grpc.Net.Client;

/// <summary>
/// A channel over HTTP/2. It may be used by many threads and many calls at once, and is meant to live as long as its
/// program; its connections are made when they are needed.
/// </summary>
public sealed class GrpcChannel : ChannelBase, IDisposable
{
    private readonly ConcurrentDictionary<IMethod, MethodInfo> _methods = new();
    private readonly HttpMessageInvoker _invoker;
    private readonly bool _disposeInvoker;
    private readonly CancellationTokenSource _disposing = new();
    private readonly Uri _address;
    private readonly RetrySettings? _retries;
    private readonly ConnectionManager? _connections;
    private int _disposed;

    private GrpcChannel(Uri address, GrpcChannelOptions options)
        : base(address.Authority)
    {
        if (options.HttpClient is not null && options.HttpHandler is not null)
        {
            throw new ArgumentException("HttpClient and HttpHandler cannot both be set.", nameof(options));
        }

        Logger = options.LoggerFactory?.CreateLogger(typeof(GrpcChannel).FullName!) ?? NullLogger.Instance;
        var hasAddress = address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps;
        var resolvers = hasAddress ? null : ChannelTransport.FindResolvers(address, options);
        Security = ChannelSecurity.Of(options.Credentials, address);
        var scheme = Security.IsSecure ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        _address = hasAddress ? address : new Uri($"{scheme}://{address.AbsolutePath.Trim('/')}");
        SendsCallCredentials = Security.IsSecure || options.UnsafeUseInsecureChannelCallCredentials;
        MaxSendMessageSize = options.MaxSendMessageSize;
        MaxReceiveMessageSize = options.MaxReceiveMessageSize;
        ThrowOperationCanceledOnCancellation = options.ThrowOperationCanceledOnCancellation;
        HttpVersion = options.HttpVersion ?? System.Net.HttpVersion.Version20;
        HttpVersionPolicy = options.HttpVersionPolicy ?? System.Net.Http.HttpVersionPolicy.RequestVersionExact;
        TimeProvider = options.TimeProvider;
        InitialReconnectBackoff = options.InitialReconnectBackoff;
        MaxReconnectBackoff = options.MaxReconnectBackoff ?? TimeSpan.MaxValue;
        Compression = new ChannelCompression(options.CompressionProviders);
        _retries = RetrySettings.From(options);
        _connections = resolvers is null
            ? ChannelTransport.CanConnect(options) ? ConnectionManager.ForAddress(address, options, Logger) : null
            : ConnectionManager.ForResolver(
                resolvers.Create(new ResolverOptions(address, Security.IsSecure ? 443 : 80, options.LoggerFactory ?? NullLoggerFactory.Instance, options)),
                scheme,
                options,
                ChannelTransport.IsRoundRobin(options),
                Logger);
        Balancer = resolvers is null ? null : _connections;
        (_invoker, _disposeInvoker) = ChannelTransport.CreateInvoker(options, _connections);
    }

    /// <summary>How the channel stands to its server, or, with several addresses, to the best of them.</summary>
    /// <exception cref="InvalidOperationException">The channel has a client or handler of its caller's, which makes its connections.</exception>
    public ConnectivityState State => Connections.State;

    internal ChannelSecurity Security { get; }

    internal bool SendsCallCredentials { get; }

    internal int? MaxSendMessageSize { get; }

    internal int? MaxReceiveMessageSize { get; }

    internal bool ThrowOperationCanceledOnCancellation { get; }

    internal Version HttpVersion { get; }

    internal HttpVersionPolicy HttpVersionPolicy { get; }

    internal TimeProvider TimeProvider { get; }

    internal TimeSpan InitialReconnectBackoff { get; }

    internal TimeSpan MaxReconnectBackoff { get; }

    internal ChannelCompression Compression { get; }

    internal ILogger Logger { get; }

    /// <summary>What chooses the address of each call; null where the channel has one.</summary>
    internal ConnectionManager? Balancer { get; }

    private ConnectionManager Connections => _connections ?? throw new InvalidOperationException(
        "The state of a channel with an HttpClient or HttpHandler of its caller's is not known: its connections are theirs.");

    /// <summary>Fires when the channel is disposed; its calls end then.</summary>
    internal CancellationToken Disposing => _disposing.Token;

    /// <summary>A channel to a server.</summary>
    /// <exception cref="ArgumentException">The address is none.</exception>
    public static GrpcChannel ForAddress(string address) => ForAddress(address, new GrpcChannelOptions());

    /// <summary>A channel to a server, with options.</summary>
    /// <exception cref="ArgumentException">The address is none, or the options contradict each other.</exception>
    public static GrpcChannel ForAddress(string address, GrpcChannelOptions channelOptions)
    {
        ArgumentNullException.ThrowIfNull(address);
        return Uri.TryCreate(address, UriKind.Absolute, out var uri)
            ? ForAddress(uri, channelOptions)
            : throw new ArgumentException("The address of a channel is a URI, such as https://host:port.", nameof(address));
    }

    /// <summary>A channel to a server.</summary>
    /// <exception cref="ArgumentException">The address is none.</exception>
    public static GrpcChannel ForAddress(Uri address) => ForAddress(address, new GrpcChannelOptions());

    /// <summary>A channel to a server, with options.</summary>
    /// <exception cref="ArgumentException">The address is none, or the options contradict each other.</exception>
    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions channelOptions)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(channelOptions);
        return new GrpcChannel(address, channelOptions);
    }

    /// <summary>Connects to the server, before any call; done when the channel is connected.</summary>
    /// <exception cref="InvalidOperationException">The channel has a client or handler of its caller's, which makes its connections.</exception>
    public Task ConnectAsync(CancellationToken cancellationToken = default) => Connections.ConnectAsync(cancellationToken);

    /// <summary>Done when the channel is in another state than <paramref name="lastObservedState"/>.</summary>
    /// <exception cref="InvalidOperationException">The channel has a client or handler of its caller's, which makes its connections.</exception>
    public Task WaitForStateChangedAsync(ConnectivityState lastObservedState, CancellationToken cancellationToken = default) =>
        Connections.WaitForStateChangedAsync(lastObservedState, cancellationToken);

    /// <inheritdoc/>
    public override CallInvoker CreateCallInvoker()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return new HttpCallInvoker(this);
    }

    /// <summary>Cancels the calls under way and closes the connections that are the channel's own.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _disposing.Cancel();
        if (_disposeInvoker)
        {
            _invoker.Dispose();
        }

        _connections?.Dispose();

        _disposing.Dispose();
    }

    /// <inheritdoc/>
    protected override Task ShutdownAsyncCore()
    {
        Dispose();
        return Task.CompletedTask;
    }

    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_disposed != 0, this);

    /// <summary>Sends a request; done when the response headers are there.</summary>
    internal Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        _invoker is HttpClient client
            ? client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
            : _invoker.SendAsync(request, cancellationToken);

    internal MethodInfo GetMethodInfo(IMethod method) =>
        _methods.TryGetValue(method, out var info) ? info : AddMethodInfo(method);

    private MethodInfo AddMethodInfo(IMethod method) => _methods.GetOrAdd(
        method,
        static (method, channel) => new MethodInfo(
            new Uri(channel._address, method.FullName),
            new Uri(channel._address, "/" + method.ServiceName).AbsoluteUri,
            channel._retries?.PolicyFor(method)),
        this);
}

/// <summary>What a channel keeps of each method it called.</summary>
internal sealed record MethodInfo(Uri Uri, string ServiceUrl, RetrySettings.Policy? Retry);

/// <summary>The encodings of a channel.</summary>
internal sealed class ChannelCompression
{
    private readonly Dictionary<string, ICompressionProvider> _providers = new(StringComparer.Ordinal);

    public ChannelCompression(IList<ICompressionProvider>? providers)
    {
        providers ??=
        [
            new GzipCompressionProvider(System.IO.Compression.CompressionLevel.Fastest),
            new DeflateCompressionProvider(System.IO.Compression.CompressionLevel.Fastest),
        ];
        foreach (var provider in providers)
        {
            _providers[provider.EncodingName] = provider;
        }

        AcceptEncoding = string.Join(',', _providers.Keys.Prepend(GrpcProtocol.IdentityEncoding));
    }

    /// <summary>The value of <c>grpc-accept-encoding</c>.</summary>
    public string AcceptEncoding { get; }

    public bool TryGet(string encoding, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ICompressionProvider? provider) =>
        _providers.TryGetValue(encoding, out provider);
}
