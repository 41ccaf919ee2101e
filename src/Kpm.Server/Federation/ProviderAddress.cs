using System.Net;

namespace Kpm.Server.Federation;

/// <summary>Which addresses the server calls, and which it lets a provider send a browser back to.</summary>
internal static class ProviderAddress
{
    /// <summary>https; or http on a loopback address, where development allows it. No user information, no fragment.</summary>
    public static bool IsTrustworthy(string address, bool allowLoopback) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && uri.UserInfo.Length == 0 && uri.Fragment.Length == 0 && uri.Query.Length == 0 && uri.Host.Length > 0
        && (uri.Scheme == Uri.UriSchemeHttps || (allowLoopback && uri.Scheme == Uri.UriSchemeHttp && IsLoopbackAddress(uri)));

    /// <summary>An address that can stand in a list of redirects; an app's own scheme ("org.example.app:/signed-in") is one too.</summary>
    public static bool IsRedirect(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0
        && uri.Scheme is not ("javascript" or "data" or "file" or "vbscript" or "blob" or "about");

    /// <summary>
    /// "http://127.0.0.1:PORT/…" or "http://[::1]:PORT/…" (RFC 8252, 7.3): the browser stays on the person's machine. Not
    /// "localhost", which a hosts file or a resolver may point elsewhere.
    /// </summary>
    public static bool IsLoopbackRedirect(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && uri.Scheme == Uri.UriSchemeHttp && uri.UserInfo.Length == 0 && uri.Fragment.Length == 0 && uri.Host is "127.0.0.1" or "[::1]"
        // Uri is lenient about spellings ("http:\\127.1:80"): only what is written as it is meant.
        && (address.StartsWith("http://127.0.0.1:", StringComparison.Ordinal) || address.StartsWith("http://[::1]:", StringComparison.Ordinal));

    private static bool IsLoopbackAddress(Uri uri) => IPAddress.TryParse(uri.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip);
}
