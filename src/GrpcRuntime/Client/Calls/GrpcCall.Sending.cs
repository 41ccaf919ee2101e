using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Compression;
using Grpc.Wire;

namespace Grpc.Net.Client.Calls;

/// <summary>Sends the request, as often as the retry policy says, until a response begins that the caller is to see.</summary>
internal abstract partial class GrpcCall
{
    private const string PreviousAttemptsHeader = "grpc-previous-rpc-attempts";
    private const string PushbackHeader = "grpc-retry-pushback-ms";

    private static readonly string UserAgent = "grpc-dotnet-kpm/" + typeof(GrpcCall).Assembly.GetName().Version?.ToString(3);

    private const double ReconnectMultiplier = 1.6;

    private ICompressionProvider? _requestCompression;

    /// <summary>The encoding of the requests, when the caller asked for one.</summary>
    protected ICompressionProvider? RequestCompression => _requestCompression ??= FindRequestCompression();

    /// <summary>Done when the response began: the headers are good, and this reads the messages.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    protected async ValueTask<MessageReader> SendAsync(HttpContent content)
    {
        if (IsEnded)
        {
            throw CreateException();
        }

        // Current for what is sent from here on, and not for the caller: this method's context is its own.
        Interlocked.Exchange(ref _activity, ClientDiagnostics.Start(Method, Info.Uri));
        if (_activity is { } activity && _outcome is { } outcome)
        {
            // Ended before the span was known.
            ClientDiagnostics.Stop(activity, outcome.Status);
        }

        var credentials = await GetCredentialsAsync();
        var retries = 0;
        var reconnects = 0;
        while (true)
        {
            Exception failure;
            TimeSpan? pause;
            Subchannel? subchannel = null;
            try
            {
                if (Channel.Balancer is { } balancer)
                {
                    subchannel = await balancer.PickAsync(Options.IsWaitForReady, Token);
                }

                var response = await Channel.SendAsync(CreateRequest(content, credentials, retries, subchannel), Token);
                SetResponse(response);
                var reader = await BeginAsync(response);
                Info.Retry?.Throttle?.Succeeded();
                return reader;
            }
            catch (Exception e) when (!IsEnded)
            {
                failure = e;
                pause = PauseBeforeRetry(e, content, subchannel, ref retries, ref reconnects);
            }

            if (pause is not { } delay)
            {
                throw Fail(failure);
            }

            Log.CallRetried(Channel.Logger, Method.FullName, ClientStatus.FromException(failure).StatusCode, delay, retries + reconnects);
            Interlocked.Exchange(ref _response, null)?.Dispose();
            _trailers = null;
            _hasHeadersAtEnd = false;
            await Task.Delay(delay, Channel.TimeProvider, Token);
        }
    }

    /// <summary>How long to wait before trying again; null to give up.</summary>
    private TimeSpan? PauseBeforeRetry(Exception error, HttpContent content, Subchannel? subchannel, ref int retries, ref int reconnects)
    {
        // What was streamed is gone; a request that never found a connection was not.
        if (content is StreamingContent { IsUsed: true })
        {
            return null;
        }

        if (error is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError })
        {
            if (subchannel is not null)
            {
                // Nothing was sent: another address may be there. If none is, the next choice says so.
                Channel.Balancer!.Failed(subchannel, error);
                return TimeSpan.Zero;
            }

            if (Options.IsWaitForReady)
            {
                return Backoff.Pause(Channel.InitialReconnectBackoff, Channel.MaxReconnectBackoff, ReconnectMultiplier, ++reconnects);
            }
        }

        if (Info.Retry is not { } policy || !policy.Codes.Contains(ClientStatus.FromException(error).StatusCode))
        {
            return null;
        }

        policy.Throttle?.Failed();
        if (++retries >= policy.MaxAttempts || policy.Throttle is { AllowsRetry: false })
        {
            return null;
        }

        if (_response is null || ClientStatus.Get(_response.Headers, PushbackHeader) is not { } pushback)
        {
            return policy.Pause(retries);
        }

        // A server that wants no retry says so with a negative number, or with none at all.
        return int.TryParse(pushback, System.Globalization.CultureInfo.InvariantCulture, out var milliseconds) && milliseconds >= 0
            ? TimeSpan.FromMilliseconds(milliseconds)
            : null;
    }

    private HttpRequestMessage CreateRequest(HttpContent content, Metadata? credentials, int previousAttempts, Subchannel? subchannel)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, subchannel is null ? Info.Uri : subchannel.UriOf(Method))
        {
            Version = Channel.HttpVersion,
            VersionPolicy = Channel.HttpVersionPolicy,
            Content = content,
        };
        var headers = request.Headers;
        headers.TryAddWithoutValidation("te", "trailers");
        headers.TryAddWithoutValidation(GrpcProtocol.AcceptEncodingHeader, Channel.Compression.AcceptEncoding);
        if ((Host ?? subchannel?.Address.HostOverride) is { } host)
        {
            headers.Host = host;
        }

        if (Deadline is { } deadline)
        {
            headers.TryAddWithoutValidation(GrpcProtocol.TimeoutHeader, GrpcTimeout.Format(deadline - Channel.TimeProvider.GetUtcNow().UtcDateTime));
        }

        if (RequestCompression is { } compression)
        {
            headers.TryAddWithoutValidation(GrpcProtocol.EncodingHeader, compression.EncodingName);
        }

        if (previousAttempts > 0)
        {
            headers.TryAddWithoutValidation(PreviousAttemptsHeader, previousAttempts.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        var ownUserAgent = Options.Headers?.GetValue("user-agent");
        headers.TryAddWithoutValidation("user-agent", ownUserAgent is null ? UserAgent : $"{ownUserAgent} {UserAgent}");
        AddMetadata(headers, Options.Headers);
        AddMetadata(headers, credentials);
        return request;
    }

    private static void AddMetadata(HttpRequestHeaders headers, Metadata? metadata)
    {
        if (metadata is null)
        {
            return;
        }

        for (var i = 0; i < metadata.Count; i++)
        {
            var entry = metadata[i];
            if (MetadataWire.IsReserved(entry.Key) || entry.Key == "user-agent")
            {
                continue;
            }

            var value = MetadataWire.HeaderValue(entry);
            if (value.AsSpan().ContainsAnyExceptInRange(' ', '~') || !headers.TryAddWithoutValidation(entry.Key, value))
            {
                throw ClientStatus.Violation(StatusCode.Internal, $"The metadata '{entry.Key}' cannot be sent: its value is not printable ASCII.");
            }
        }
    }

    private ValueTask<Metadata?> GetCredentialsAsync()
    {
        var channel = Channel.Security.CallCredentials;
        if (!Channel.SendsCallCredentials || (channel.Count == 0 && Options.Credentials is null))
        {
            return default;
        }

        var context = new AuthInterceptorContext(Info.ServiceUrl, Method.Name, Token);
        return Read(channel, Options.Credentials, context);

        static async ValueTask<Metadata?> Read(IReadOnlyList<CallCredentials> channel, CallCredentials? call, AuthInterceptorContext context) =>
            await CallCredentialsReader.GetHeadersAsync(channel, call, context);
    }

    private ICompressionProvider? FindRequestCompression()
    {
        var encoding = Options.Headers?.GetValue(GrpcProtocol.RequestEncodingHeader);
        if (encoding is null or GrpcProtocol.IdentityEncoding)
        {
            return null;
        }

        return Channel.Compression.TryGet(encoding, out var provider)
            ? provider
            : throw ClientStatus.Violation(StatusCode.Internal, $"The channel has no compression provider for '{encoding}'.");
    }

    /// <summary>Checks how the response begins. A response that has ended with it fails with its status.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<MessageReader> BeginAsync(HttpResponseMessage response)
    {
        var compression = CheckHeaders(response);
        var body = await response.Content.ReadAsStreamAsync(Token);
        if (ClientStatus.FromHeaders(response.Headers) is { } status)
        {
            await EndTrailersOnlyAsync(response, body, status);
        }

        PublishHeaders();
        return new MessageReader(body, Channel.MaxReceiveMessageSize, compression, idles: Method.Type is MethodType.ServerStreaming or MethodType.DuplexStreaming);
    }

    /// <summary>The encoding of the messages, or null.</summary>
    private ICompressionProvider? CheckHeaders(HttpResponseMessage response)
    {
        var isGrpc = ClientStatus.Get(response.Content.Headers, "content-type") is { } contentType && GrpcProtocol.IsGrpcContentType(contentType);
        var hasStatus = response.Headers.NonValidated.Contains(GrpcProtocol.StatusHeader);
        var httpStatus = (int)response.StatusCode;
        if (httpStatus != 200 && !(isGrpc && hasStatus))
        {
            throw ClientStatus.Violation(StatusMapping.FromHttpStatus(httpStatus), $"The server answered with HTTP status {httpStatus}.");
        }

        if (!isGrpc)
        {
            throw ClientStatus.Violation(StatusCode.Unknown, "The server answered with a content type that is not gRPC's.");
        }

        if (ClientStatus.Get(response.Headers, GrpcProtocol.EncodingHeader) is not { } encoding || encoding == GrpcProtocol.IdentityEncoding)
        {
            return null;
        }

        return Channel.Compression.TryGet(encoding, out var provider)
            ? provider
            : throw ClientStatus.Violation(StatusCode.Internal, $"The server answered in the unknown encoding '{encoding}'.");
    }

    /// <summary>Always throws: the headers have the status, so that nothing may follow but trailers that have one of their own.</summary>
    private async Task EndTrailersOnlyAsync(HttpResponseMessage response, Stream body, Status status)
    {
        if (await body.ReadAsync(new byte[1], Token) != 0)
        {
            throw ClientStatus.Violation(StatusCode.Internal, "A body follows after headers that have the status.");
        }

        var trailing = ReadTrailers(response.TrailingHeaders);
        status = trailing ?? ReadTrailers(response.Headers) ?? status;
        if (status.StatusCode == StatusCode.OK && Method.Type is MethodType.Unary or MethodType.ClientStreaming)
        {
            status = new Status(StatusCode.Unimplemented, "The call has to have one response, and the server sent none.");
        }

        PublishHeadersAtEnd();
        throw new RpcException(status);
    }
}
