using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Kpm.Server.Rpc;

namespace Kpm.Server.Pages;

/// <summary>Why a call was refused, as any client reads it from the error's details.</summary>
internal sealed record PageRefusal(string Reason, IReadOnlyList<BadRequest.Types.FieldViolation> Fields, TimeSpan? RetryAfter);

/// <summary>
/// Calls rpcs for pages: the same interceptor, constraints and handlers as for a gRPC client without a session, so that a page can do nothing
/// that a client could not.
/// </summary>
internal sealed class PageCalls(CallInterceptor interceptor)
{
    private const string DetailsTrailer = "grpc-status-details-bin";

    /// <summary>The response, or why there is none.</summary>
    public async Task<(TResponse? Response, PageRefusal? Refusal)> CallAsync<TRequest, TResponse>(
        HttpContext http, string method, TRequest request, UnaryServerMethod<TRequest, TResponse> handler)
        where TRequest : class, IMessage
        where TResponse : class, IMessage
    {
        try
        {
            return (await interceptor.UnaryServerHandler(request, new PageCallContext(http, method), handler), null);
        }
        catch (RpcException e) when (e.StatusCode != StatusCode.Cancelled)
        {
            return (null, Read(e));
        }
    }

    private static PageRefusal Read(RpcException exception)
    {
        var status = Google.Rpc.Status.Parser.ParseFrom(exception.Trailers.GetValueBytes(DetailsTrailer));
        var reason = "";
        TimeSpan? retryAfter = null;
        IReadOnlyList<BadRequest.Types.FieldViolation> fields = [];
        foreach (var detail in status.Details)
        {
            if (detail.TryUnpack<ErrorInfo>(out var info))
            {
                reason = info.Reason;
            }
            else if (detail.TryUnpack<BadRequest>(out var bad))
            {
                fields = bad.FieldViolations;
            }
            else if (detail.TryUnpack<RetryInfo>(out var retry))
            {
                retryAfter = retry.RetryDelay.ToTimeSpan();
            }
        }

        return new PageRefusal(reason, fields, retryAfter);
    }

    /// <summary>The call of a page: its HTTP request as an rpc without metadata.</summary>
    private sealed class PageCallContext : ServerCallContext
    {
        private readonly HttpContext _http;

        public PageCallContext(HttpContext http, string method)
        {
            _http = http;
            MethodCore = method;
            // Where GetHttpContext looks in a context that is not the server's own.
            UserState["__HttpContext"] = http;
        }

        protected override string MethodCore { get; }

        protected override string HostCore => _http.Request.Host.Value ?? "";

        protected override string PeerCore => $"{_http.Connection.RemoteIpAddress}";

        protected override DateTime DeadlineCore => DateTime.MaxValue;

        protected override Metadata RequestHeadersCore { get; } = [];

        protected override CancellationToken CancellationTokenCore => _http.RequestAborted;

        protected override Metadata ResponseTrailersCore { get; } = [];

        protected override Grpc.Core.Status StatusCore { get; set; }

        protected override WriteOptions? WriteOptionsCore { get; set; }

        protected override AuthContext AuthContextCore { get; } = new(null, []);

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
            throw new NotSupportedException("A page's call makes no calls of its own.");
    }
}
