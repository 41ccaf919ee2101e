using System.Net;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Federation;
using Kpm.Server.Messaging;
using Kpm.Server.Pages;

namespace Kpm.Server;

/// <summary>Section <c>Kpm</c>: what the server is started with. Each slice's part is validated here, before anything is opened.</summary>
internal sealed record ServerOptions
{
    /// <summary>The data folder: database, root key, and mails unless they go elsewhere.</summary>
    public string Data { get; init; } = "data";

    /// <summary>Where to listen: "host:port", "http://host:port" or "https://host:port"; port 0 takes a free one.</summary>
    public string Listen { get; init; } = "127.0.0.1:5080";

    /// <summary>A PEM file with the certificate and its chain; with it, the server speaks TLS.</summary>
    public string Certificate { get; init; } = "";

    /// <summary>The PEM file with the certificate's private key.</summary>
    public string CertificateKey { get; init; } = "";

    /// <summary>Cleartext on an address that others can reach, for a server behind a proxy that does TLS.</summary>
    public bool AllowCleartext { get; init; }

    /// <summary>Answers gRPC reflection; unset: in Development only.</summary>
    public bool? Reflection { get; init; }

    /// <summary>What is logged; below Information the framework's own lines come too.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    public PasswordHashOptions PasswordHash { get; init; } = new();

    public MailOptions Mail { get; init; } = new();

    public PagesOptions Pages { get; init; } = new();

    public IdentityOptions Identity { get; init; } = new();

    public Limits Limits { get; init; } = new();

    public string DataFolder => Path.GetFullPath(Data);

    public string MailFolder => Mail.Folder.Length > 0 ? Path.GetFullPath(Mail.Folder) : Path.Combine(DataFolder, "mail");

    public bool UsesTls => Certificate.Length > 0;

    /// <summary>The address to bind to.</summary>
    public IPEndPoint EndPoint
    {
        get
        {
            var (scheme, address) = Split(Listen);
            if (scheme is not ("" or "http" or "https") || !TryParse(address, out var endPoint))
            {
                throw new StartException($"--listen \"{Listen}\" is not an address. Write it like 127.0.0.1:5080, [::1]:5080 or localhost:5080.");
            }

            return endPoint;
        }
    }

    public void Validate()
    {
        var endPoint = EndPoint;
        var scheme = Split(Listen).Scheme;
        if (scheme == "https" && !UsesTls)
        {
            throw new StartException("--listen asks for https, but there is no certificate. Name one with --certificate and --certificate-key.");
        }

        if (scheme == "http" && UsesTls)
        {
            throw new StartException("--listen asks for http, but there is a certificate. Write https, or leave --certificate away.");
        }

        if (!UsesTls && !IPAddress.IsLoopback(endPoint.Address) && !AllowCleartext)
        {
            throw new StartException($"--listen {Listen} can be reached from other machines, and without a certificate passwords would cross the network in clear text. Name one with --certificate, or say --allow-cleartext behind a proxy that does TLS.");
        }

        if ((Certificate.Length > 0) != (CertificateKey.Length > 0))
        {
            throw new StartException("--certificate and --certificate-key belong together; one of them is missing.");
        }

        PasswordHash.Validate();
        Mail.Validate();
        Pages.Validate(endPoint, UsesTls, AllowCleartext);
        Identity.Validate();
        Limits.Validate();
    }

    private static (string Scheme, string Address) Split(string listen) =>
        listen.IndexOf("://", StringComparison.Ordinal) is >= 0 and var at ? (listen[..at], listen[(at + 3)..].TrimEnd('/')) : ("", listen);

    internal static bool TryParse(string address, out IPEndPoint endPoint)
    {
        var local = address.StartsWith("localhost:", StringComparison.Ordinal) ? "127.0.0.1" + address["localhost".Length..] : address;
        return IPEndPoint.TryParse(local, out endPoint!) && local.LastIndexOf(':') is > 0 and var colon && ushort.TryParse(local[(colon + 1)..], out _);
    }
}
