using Microsoft.AspNetCore.Cors.Infrastructure;

namespace Kpm.Server.Listening;

/// <summary>Section <c>Kpm:Web</c>: apps that run in a browser and call over gRPC-Web.</summary>
internal sealed record WebOptions
{
    /// <summary>How long a browser remembers that it may call, so that not every call is two.</summary>
    private static readonly TimeSpan PreflightLifetime = TimeSpan.FromHours(1);

    /// <summary>What gRPC-Web clients send besides what every page may.</summary>
    private static readonly string[] RequestHeaders = ["authorization", "content-type", "grpc-timeout", "x-grpc-web", "x-user-agent"];

    /// <summary>What a client must see of a Trailers-Only answer.</summary>
    private static readonly string[] ResponseHeaders = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

    /// <summary>Where the apps come from, with commas between: "https://app.example.org,https://vault.example.org". Empty: no gRPC-Web.</summary>
    public string Origins { get; init; } = "";

    public bool Served => Origins.Length > 0;

    /// <exception cref="StartException">Something is no origin, or no port speaks HTTP/1.1.</exception>
    public void Validate(bool pagesServed)
    {
        foreach (var origin in List())
        {
            // As a browser writes it: compared letter by letter, so a slash at the end would never match.
            if (!Uri.TryCreate(origin, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.GetLeftPart(UriPartial.Authority) != origin || uri.UserInfo.Length > 0)
            {
                throw new StartException($"--web-origins \"{origin}\" is not an origin. Write it like https://app.example.org, in lower case, without a path.");
            }

            if (uri.Scheme == "http" && !uri.IsLoopback)
            {
                throw new StartException($"--web-origins {origin} is not https: whoever changes that page on its way could read the vault.");
            }
        }

        if (Served && !pagesServed)
        {
            throw new StartException("--web-origins needs the port of the pages, which browsers can speak to, but --pages is off.");
        }
    }

    /// <summary>No cookies are in play: a call's token stands in a header that only the app's own code can set.</summary>
    public void Allow(CorsPolicyBuilder policy) =>
        policy.WithOrigins(List()).WithMethods("POST").WithHeaders(RequestHeaders).WithExposedHeaders(ResponseHeaders).SetPreflightMaxAge(PreflightLifetime);

    private string[] List() => Origins.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
