using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client.Calls;
using Grpc.Net.Compression;
using Grpc.Wire;

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
    private int _disposed;

    private GrpcChannel(Uri address, GrpcChannelOptions options)
        : base(address.Authority)
    {
        if (!address.IsAbsoluteUri || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException("The address of a channel starts with http:// or https://.", nameof(address));
        }

        if (options.HttpClient is not null && options.HttpHandler is not null)
        {
            throw new ArgumentException("HttpClient and HttpHandler cannot both be set.", nameof(options));
        }

        _address = address;
        Security = ChannelSecurity.Of(options.Credentials, address.Scheme == Uri.UriSchemeHttps);
        SendsCallCredentials = address.Scheme == Uri.UriSchemeHttps || options.UnsafeUseInsecureChannelCallCredentials;
        MaxSendMessageSize = options.MaxSendMessageSize;
        MaxReceiveMessageSize = options.MaxReceiveMessageSize;
        ThrowOperationCanceledOnCancellation = options.ThrowOperationCanceledOnCancellation;
        HttpVersion = options.HttpVersion ?? System.Net.HttpVersion.Version20;
        HttpVersionPolicy = options.HttpVersionPolicy ?? System.Net.Http.HttpVersionPolicy.RequestVersionExact;
        TimeProvider = options.TimeProvider;
        Compression = new ChannelCompression(options.CompressionProviders);
        _retries = RetrySettings.From(options);
        (_invoker, _disposeInvoker) = CreateInvoker(options);
    }

    internal ChannelSecurity Security { get; }

    internal bool SendsCallCredentials { get; }

    internal int? MaxSendMessageSize { get; }

    internal int? MaxReceiveMessageSize { get; }

    internal bool ThrowOperationCanceledOnCancellation { get; }

    internal Version HttpVersion { get; }

    internal HttpVersionPolicy HttpVersionPolicy { get; }

    internal TimeProvider TimeProvider { get; }

    internal ChannelCompression Compression { get; }

    /// <summary>Fires when the channel is disposed; its calls end then.</summary>
    internal CancellationToken Disposing => _disposing.Token;

    /// <summary>A channel to a server.</summary>
    /// <exception cref="ArgumentException">The address is no http or https address.</exception>
    public static GrpcChannel ForAddress(string address) => ForAddress(address, new GrpcChannelOptions());

    /// <summary>A channel to a server, with options.</summary>
    /// <exception cref="ArgumentException">The address is no http or https address, or the options contradict each other.</exception>
    public static GrpcChannel ForAddress(string address, GrpcChannelOptions channelOptions)
    {
        ArgumentNullException.ThrowIfNull(address);
        return Uri.TryCreate(address, UriKind.Absolute, out var uri)
            ? ForAddress(uri, channelOptions)
            : throw new ArgumentException("The address of a channel starts with http:// or https://.", nameof(address));
    }

    /// <summary>A channel to a server.</summary>
    /// <exception cref="ArgumentException">The address is no http or https address.</exception>
    public static GrpcChannel ForAddress(Uri address) => ForAddress(address, new GrpcChannelOptions());

    /// <summary>A channel to a server, with options.</summary>
    /// <exception cref="ArgumentException">The address is no http or https address, or the options contradict each other.</exception>
    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions channelOptions)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(channelOptions);
        return new GrpcChannel(address, channelOptions);
    }

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

    private static (HttpMessageInvoker Invoker, bool Dispose) CreateInvoker(GrpcChannelOptions options)
    {
        if (options.HttpClient is not null)
        {
            return (options.HttpClient, options.DisposeHttpClient);
        }

        if (options.HttpHandler is not null)
        {
            return (new HttpMessageInvoker(options.HttpHandler, options.DisposeHttpClient), true);
        }

        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            AllowAutoRedirect = false,
            UseCookies = false,
        };
        return (new HttpMessageInvoker(handler, disposeHandler: true), true);
    }
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
