using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.AspNetCore.Web;

/// <summary>Makes a gRPC call of a gRPC-Web request, and a gRPC-Web response of what comes back.</summary>
internal sealed class GrpcWebMiddleware(GrpcWebOptions options)
{
    public async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        var request = http.Request;
        if (!HttpMethods.IsPost(request.Method) || !GrpcWebContentType.TryParse(request.ContentType, out var text) || !IsEnabled(http))
        {
            await next(http);
            return;
        }

        // The answer is in the encoding of the request, whatever the Accept header adds to it.
        var contentType = text ? GrpcWebContentType.Text : GrpcWebContentType.Binary;
        request.ContentType = GrpcProtocol.ContentType;
        http.Response.OnStarting(static state =>
        {
            var (response, type) = ((HttpResponse, string))state;
            if (GrpcProtocol.IsGrpcContentType(response.ContentType))
            {
                response.ContentType = type;
            }

            return Task.CompletedTask;
        }, (http.Response, contentType));

        var body = new GrpcWebBody(http.Features.GetRequiredFeature<IHttpResponseBodyFeature>(), text ? request.BodyReader : null);
        http.Features.Set<IHttpResponseBodyFeature>(body);
        http.Features.Set<IHttpResponseTrailersFeature>(body);
        http.Features.Set(body);
        if (text)
        {
            http.Features.Set<IRequestBodyPipeFeature>(body);
        }

        await next(http);
        await body.WriteTrailersAsync();
    }

    private bool IsEnabled(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<IGrpcWebEnabledMetadata>()?.GrpcWebEnabled ?? options.DefaultEnabled;
}

/// <summary>The content types of gRPC-Web.</summary>
internal static class GrpcWebContentType
{
    public const string Binary = "application/grpc-web+proto";
    public const string Text = "application/grpc-web-text+proto";

    public static bool TryParse(string? contentType, out bool text)
    {
        var type = contentType.AsSpan();
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim();
        text = Is(type, "application/grpc-web-text");
        return text || Is(type, "application/grpc-web");
    }

    private static bool Is(ReadOnlySpan<char> type, string name) =>
        type.StartsWith(name, StringComparison.OrdinalIgnoreCase)
        && (type.Length == name.Length || type[name.Length..].Equals("+proto", StringComparison.OrdinalIgnoreCase));
}
