using System.Net;

namespace Kpm.Server.Listening;

/// <summary>Where to listen, as an option names it: "host:port", "http://host:port" or "https://host:port"; port 0 takes a free one.</summary>
internal sealed record ListenAddress(string Option, string Text)
{
    /// <summary>The address to bind to.</summary>
    /// <exception cref="StartException">It is no address.</exception>
    public IPEndPoint EndPoint
    {
        get
        {
            var (scheme, address) = Split();
            if (scheme is not ("" or "http" or "https") || !TryParse(address, out var endPoint))
            {
                throw new StartException($"{Option} \"{Text}\" is not an address. Write it like 127.0.0.1:5080, [::1]:5080 or localhost:5080.");
            }

            return endPoint;
        }
    }

    /// <exception cref="StartException">It is no address, or others can reach it in clear text.</exception>
    public void Validate(bool usesTls, bool allowCleartext)
    {
        var endPoint = EndPoint;
        var scheme = Split().Scheme;
        if (scheme == "https" && !usesTls)
        {
            throw new StartException($"{Option} asks for https, but there is no certificate. Name one with --certificate and --certificate-key.");
        }

        if (scheme == "http" && usesTls)
        {
            throw new StartException($"{Option} asks for http, but there is a certificate. Write https, or leave --certificate away.");
        }

        if (!usesTls && !IPAddress.IsLoopback(endPoint.Address) && !allowCleartext)
        {
            throw new StartException($"{Option} {Text} can be reached from other machines, and without a certificate passwords would cross the network in clear text. Name one with --certificate, or say --allow-cleartext behind a proxy that does TLS.");
        }
    }

    private (string Scheme, string Address) Split() =>
        Text.IndexOf("://", StringComparison.Ordinal) is >= 0 and var at ? (Text[..at], Text[(at + 3)..].TrimEnd('/')) : ("", Text);

    public static bool TryParse(string address, out IPEndPoint endPoint)
    {
        var local = address.StartsWith("localhost:", StringComparison.Ordinal) ? "127.0.0.1" + address["localhost".Length..] : address;
        return IPEndPoint.TryParse(local, out endPoint!) && local.LastIndexOf(':') is > 0 and var colon && ushort.TryParse(local[(colon + 1)..], out _);
    }
}
