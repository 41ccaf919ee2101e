using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Kpm.Server.Listening;

/// <summary>
/// gRPC-Web, for the origins that are configured: on the port of the pages, or with TLS on the main one, since
/// a browser says in the handshake what it speaks.
/// </summary>
internal static class WebExtensions
{
    private const string Policy = "web";

    /// <summary>A call over HTTP/1.1 is one message; who sends it slower than this is no app.</summary>
    private static readonly MinDataRate SlowestBody = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    public static void AddWeb(this IServiceCollection services, WebOptions options)
    {
        if (options.Served)
        {
            services.AddCors(cors => cors.AddPolicy(Policy, options.Allow));
        }
    }

    /// <summary>Behind routing, before the endpoints.</summary>
    public static void UseWeb(this IApplicationBuilder app, WebOptions options)
    {
        if (!options.Served)
        {
            return;
        }

        app.UseCors();
        app.UseGrpcWeb();
        app.Use((context, next) =>
        {
            if (HttpProtocol.IsHttp11(context.Request.Protocol) && context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            {
                rate.MinDataRate = SlowestBody;
            }

            return next(context);
        });
    }

    /// <summary>Serves a service to apps in browsers too, where there are any.</summary>
    public static void ServeWeb(this GrpcServiceEndpointConventionBuilder service, WebOptions options)
    {
        if (options.Served)
        {
            service.EnableGrpcWeb().RequireCors(Policy).WithMetadata(new ServedOn(Listener.Main, Listener.Pages));
        }
    }
}
