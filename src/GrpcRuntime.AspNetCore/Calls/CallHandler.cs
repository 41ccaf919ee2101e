using Grpc.AspNetCore.Web;
using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>Serves the calls of one method: the steps that all four kinds of call have in common.</summary>
internal abstract class CallHandler(CallSettings settings, ILogger logger, IMethod? method)
{
    // The default of KestrelServerLimits.MaxRequestBodySize.
    private const int KestrelBodyLimit = 30_000_000;

    private readonly string? _path = method?.FullName;

    public CallSettings Settings { get; } = settings;

    /// <summary>Null for what no service has.</summary>
    public Diagnostics.Method? Method { get; } = method is null ? null : new Diagnostics.Method(method.FullName[1..]);

    public ILogger Logger { get; } = logger;

    /// <summary>Whether a request is gRPC, or gRPC-Web, by its content type.</summary>
    public static bool IsGrpcRequest(HttpRequest request) =>
        GrpcProtocol.IsGrpcContentType(request.ContentType) || GrpcWebContentType.TryParse(request.ContentType, out _);

    public Task HandleAsync(HttpContext http)
    {
        var request = http.Request;
        if (!HttpProtocol.IsHttp2(request.Protocol) && !HttpProtocol.IsHttp3(request.Protocol)
            && http.Features.Get<GrpcWebBody>() is null)
        {
            http.Response.Headers.Upgrade = "HTTP/2";
            return RefuseAsync(http, StatusCodes.Status426UpgradeRequired, $"Request protocol '{request.Protocol}' is not supported: gRPC needs HTTP/2.");
        }

        if (!GrpcProtocol.IsGrpcContentType(request.ContentType))
        {
            return RefuseAsync(
                http,
                StatusCodes.Status415UnsupportedMediaType,
                string.IsNullOrEmpty(request.ContentType) ? "Content-Type is missing from the request." : "Content-Type of the request is not supported: it must be application/grpc.");
        }

        http.Response.ContentType = GrpcProtocol.ContentType;
        return ServeAsync(CreateCall(http));
    }

    /// <summary>The state of a call.</summary>
    protected virtual ServerCall CreateCall(HttpContext http) => new(http, this);

    /// <summary>Reads what the method needs, runs it and ends the call.</summary>
    protected abstract Task RunAsync(ServerCall call);

    /// <summary>For a request of one message: where longer messages than Kestrel's limit on bodies are allowed, theirs is the limit that counts.</summary>
    protected void AllowLongMessage(HttpContext http)
    {
        if (Settings.MaxReceiveMessageSize is null or > KestrelBodyLimit - MessageFrame.HeaderSize)
        {
            LiftBodyLimit(http);
        }
    }

    /// <summary>For streams of requests that may last: neither slow nor long bodies are an attack on them.</summary>
    protected static void AllowLastingRequest(HttpContext http)
    {
        if (http.Features.Get<Microsoft.AspNetCore.Server.Kestrel.Core.Features.IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        LiftBodyLimit(http);
    }

    private static void LiftBodyLimit(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }
    }

    private async Task ServeAsync(ServerCall call)
    {
        try
        {
            call.Start();
            // Routing ignores case, gRPC does not.
            if (_path is not null && !call.Http.Request.Path.Value.AsSpan().EndsWith(_path, StringComparison.Ordinal))
            {
                throw new RpcException(new Status(StatusCode.Unimplemented, "Method is unimplemented."));
            }

            await RunAsync(call);
        }
        catch (Exception exception)
        {
            call.Fail(exception);
        }

        if (call.Finish() is { } pending)
        {
            await pending;
        }
    }

    private static Task RefuseAsync(HttpContext http, int httpStatus, string message)
    {
        var response = http.Response;
        response.StatusCode = httpStatus;
        response.Headers[HeaderNames.GrpcStatus] = StatusText.Of(StatusCode.Internal);
        response.Headers[HeaderNames.GrpcMessage] = PercentEncoding.Encode(message);
        return Task.CompletedTask;
    }
}

/// <summary>Answers calls of what no service has.</summary>
internal sealed class UnimplementedHandler(CallSettings settings, ILogger logger, string message) : CallHandler(settings, logger, method: null)
{
    protected override Task RunAsync(ServerCall call) => throw new RpcException(new Status(StatusCode.Unimplemented, message));
}
