using System.Net;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Federation;
using Kpm.Server.Listening;
using Kpm.Server.Messaging;
using Kpm.Server.Messaging.Sms;
using Kpm.Server.Pages;
using Kpm.Server.Rpc;

namespace Kpm.Server;

/// <summary>Section <c>Kpm</c>: what the server is started with. Each slice's part is validated here, before anything is opened.</summary>
internal sealed record ServerOptions
{
    /// <summary>The data folder: database, root key, and mails unless they go elsewhere.</summary>
    public string Data { get; init; } = "data";

    /// <summary>Where to listen: "host:port", "http://host:port" or "https://host:port"; port 0 takes a free one.</summary>
    public string Listen { get; init; } = "127.0.0.1:5080";

    /// <summary>Where operators of support are served, written like <see cref="Listen"/>; empty for nowhere.</summary>
    public string SupportListen { get; init; } = "";

    /// <summary>Serves operators of support on the main address too.</summary>
    public bool SupportPublic { get; init; }

    /// <summary>A PEM file with the certificate and its chain; with it, the server speaks TLS.</summary>
    public string Certificate { get; init; } = "";

    /// <summary>The PEM file with the certificate's private key.</summary>
    public string CertificateKey { get; init; } = "";

    /// <summary>Cleartext on an address that others can reach, for a server behind a proxy that does TLS.</summary>
    public bool AllowCleartext { get; init; }

    /// <summary>Addresses and networks of proxies in front of the server: only they may say, in X-Forwarded-For, where a call comes from.</summary>
    public IReadOnlyList<string> Proxies { get; init; } = [];

    /// <summary>Answers gRPC reflection; unset: in Development only.</summary>
    public bool? Reflection { get; init; }

    /// <summary>What is logged; below Information the framework's own lines come too.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    public PasswordHashOptions PasswordHash { get; init; } = new();

    public MailOptions Mail { get; init; } = new();

    public PagesOptions Pages { get; init; } = new();

    public WebOptions Web { get; init; } = new();

    public IdentityOptions Identity { get; init; } = new();

    public SmsOptions Sms { get; init; } = new();

    public Limits Limits { get; init; } = new();

    public string DataFolder => Path.GetFullPath(Data);

    public string MailFolder => Mail.Folder.Length > 0 ? Path.GetFullPath(Mail.Folder) : Path.Combine(DataFolder, "mail");

    public string SmsFolder => Sms.Folder.Length > 0 ? Path.GetFullPath(Sms.Folder) : Path.Combine(DataFolder, "sms");

    public bool UsesTls => Certificate.Length > 0;

    /// <summary>The main address to bind to.</summary>
    public IPEndPoint EndPoint => MainAddress.EndPoint;

    public ListenAddress MainAddress => new("--listen", Listen);

    public ListenAddress SupportAddress => new("--support-listen", SupportListen);

    public void Validate()
    {
        MainAddress.Validate(UsesTls, AllowCleartext);
        if (SupportListen.Length > 0)
        {
            SupportAddress.Validate(UsesTls, AllowCleartext);
        }

        if ((Certificate.Length > 0) != (CertificateKey.Length > 0))
        {
            throw new StartException("--certificate and --certificate-key belong together; one of them is missing.");
        }

        ForwardedClients.Validate(Proxies);
        PasswordHash.Validate();
        Mail.Validate();
        Identity.Validate();
        Pages.Validate(EndPoint, UsesTls, AllowCleartext);
        Web.Validate(Pages.Served);
        Sms.Validate();
        Limits.Validate();
    }
}
