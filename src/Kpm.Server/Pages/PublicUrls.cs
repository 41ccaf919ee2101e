using System.Net;
using Kpm.Server.Listening;

namespace Kpm.Server.Pages;

/// <summary>The links that mails carry.</summary>
internal sealed class PublicUrls(ServerOptions options, Listeners listeners)
{
    /// <summary>
    /// The link to a page with a mailed token; empty where mails carry none. Tokens are of the alphabet of base64url, so nothing in them needs escaping.
    /// </summary>
    public string Link(string page, string token, string language) => Base() is { } start ? $"{start}{page}?token={Uri.EscapeDataString(token)}&lang={Uri.EscapeDataString(language)}" : "";

    /// <summary>Where the pages are, without a final slash; null where browsers elsewhere can't be told.</summary>
    public string? Base()
    {
        if (!options.Pages.Served)
        {
            return null;
        }

        if (options.Pages.Url.Length > 0)
        {
            return options.Pages.Url.TrimEnd('/');
        }

        // Without a configured address, only a person at this machine can be led here.
        return listeners.Find(Listener.Pages) is { } pages
            ? (IPAddress.IsLoopback(pages.Address) ? $"http://{pages}" : null)
            : listeners.Find(Listener.Main) is { } main && options.UsesTls && IPAddress.IsLoopback(main.Address) ? $"https://{main}" : null;
    }
}

/// <summary>The paths of the pages.</summary>
internal static class PagePaths
{
    public const string Activate = "/activate";
    public const string Discard = "/discard";
    public const string ResetPassword = "/reset-password";
    public const string ConfirmEmail = "/confirm-email";
    public const string CancelDeletion = "/cancel-deletion";
    public const string CancelSupport = "/cancel-support";
}
