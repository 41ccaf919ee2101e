using System.Net;
using Kpm.Server.Listening;

namespace Kpm.Server.Pages;

/// <summary>Section <c>Kpm:Pages</c>: the web pages that mailed links lead to.</summary>
internal sealed record PagesOptions
{
    private const string Off = "off";

    /// <summary>
    /// Where the pages are served over HTTP/1.1: an address, or "off". Empty: on the port after the one for gRPC; with TLS on that one itself.
    /// </summary>
    public string Listen { get; init; } = "";

    /// <summary>
    /// How people's browsers reach the pages, such as "https://accounts.example.org": the beginning of every mailed link. Empty: the address
    /// of the pages if it is this machine's own; else mails carry keys and no links.
    /// </summary>
    public string Url { get; init; } = "";

    public bool Served => Listen != Off;

    /// <summary>Null where the pages have no listener of their own.</summary>
    public IPEndPoint? EndPoint(IPEndPoint main, bool tls)
    {
        if (!Served || (Listen.Length == 0 && tls))
        {
            return null;
        }

        if (Listen.Length == 0)
        {
            // A server on a free port has its pages on a free port, and the last port has none after it.
            return new IPEndPoint(main.Address, main.Port is 0 or IPEndPoint.MaxPort ? 0 : main.Port + 1);
        }

        return ListenAddress.TryParse(Listen, out var endPoint)
            ? endPoint
            : throw new StartException($"--pages \"{Listen}\" is not an address. Write it like 127.0.0.1:5081, or off for no pages.");
    }

    public void Validate(IPEndPoint main, bool tls, bool allowCleartext)
    {
        if (EndPoint(main, tls) is { } endPoint && !IPAddress.IsLoopback(endPoint.Address) && !allowCleartext)
        {
            throw new StartException($"--pages {endPoint} can be reached from other machines, and without TLS passwords would cross the network in clear text. Leave it away with a certificate, or say --allow-cleartext behind a proxy that does TLS.");
        }

        if (Url.Length > 0 && !(Uri.TryCreate(Url, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp) && url.Query.Length == 0 && url.Fragment.Length == 0 && url.UserInfo.Length == 0))
        {
            throw new StartException($"--pages-url \"{Url}\" is not a web address. Write it like https://accounts.example.org.");
        }

        if (Url.StartsWith("http:", StringComparison.OrdinalIgnoreCase) && !new Uri(Url).IsLoopback)
        {
            throw new StartException($"--pages-url {Url} is not https: the secrets of mailed links would cross the network in clear text.");
        }

        if (Url.Length > 0 && !Served)
        {
            throw new StartException("--pages-url names an address, but --pages is off.");
        }
    }
}
