using Kpm.Server.Listening;

namespace Kpm.Server.Pages;

/// <summary>The slice's parts for the server's container.</summary>
internal static class PageServices
{
    public static IServiceCollection AddPages(this IServiceCollection services) => services
        .AddSingleton<PublicUrls>()
        .AddSingleton<PageCalls>()
        .AddSingleton<PageLayout>()
        .AddSingleton<PageActs>();

    public static void MapPages(this WebApplication app, ServerOptions options)
    {
        if (!options.Pages.Served)
        {
            return;
        }

        var logger = app.Services.GetRequiredService<ILogger<PageEndpoint>>();
        // With TLS, browsers and gRPC clients say in the handshake what they speak, and share the port.
        var where = options.UsesTls ? new ServedOn(Listener.Pages, Listener.Main) : new ServedOn(Listener.Pages);
        foreach (var act in app.Services.GetRequiredService<PageActs>().All)
        {
            var endpoint = new PageEndpoint(act, app.Services.GetRequiredService<PageLayout>(), options.Limits, logger);
            app.Map(act.Path, endpoint.HandleAsync).WithMetadata(where);
        }

        app.Lifetime.ApplicationStarted.Register(() =>
        {
            if (app.Services.GetRequiredService<PublicUrls>().Base() is null)
            {
                Log.NoPublicUrl(logger, string.Join(", ", app.Urls));
            }
        });
    }
}
