using System.Text.Json;
using Kpm.Server.Tests.Hosting;

namespace Kpm.Server.Tests.Messaging;

/// <summary>A mail as a real mail server took it and a real mail reader's parser read it.</summary>
internal sealed record DeliveredMail
{
    public required string EnvelopeFrom { get; init; }
    public required IReadOnlyList<string> EnvelopeTo { get; init; }
    public required bool Secure { get; init; }
    public required string? User { get; init; }
    public required bool Utf8 { get; init; }
    public required string From { get; init; }
    public required string To { get; init; }
    public required string Subject { get; init; }
    public required DateTimeOffset Date { get; init; }
    public required string MessageId { get; init; }
    public required IReadOnlyDictionary<string, string> Headers { get; init; }
    public required string Text { get; init; }
    public required string Html { get; init; }
    public required int Attachments { get; init; }
    public required string Raw { get; init; }

    /// <summary>With the helpers of the tests that read mails from the folder.</summary>
    public ReceivedMail AsReceived => new(Raw, EnvelopeTo[0], Subject, Text, Html);
}

/// <summary>npm's smtp-server with mailparser: STARTTLS with a certificate of its own, and a login.</summary>
internal sealed class SmtpServer : IAsyncDisposable
{
    private const string Name = "localhost";
    private const string User = "kpm";
    private const string Password = "smtp-secret";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly Storage.TempFolder _folder;
    private readonly NodePart _part;

    private SmtpServer(Storage.TempFolder folder, NodePart part) => (_folder, _part) = (folder, part);

    public static async Task<SmtpServer> StartAsync()
    {
        var folder = new Storage.TempFolder();
        using var certificate = TestCertificate.Make(Name);
        await File.WriteAllTextAsync(folder.File("cert.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(folder.File("key.pem"), TestCertificate.KeyPem(certificate));
        await File.WriteAllTextAsync(folder.File("password"), Password + "\n");
        return new SmtpServer(folder, await NodePart.StartAsync("smtp.mjs", "--certificate", folder.File("cert.pem"), "--key", folder.File("key.pem"), "--user", User, "--password", Password));
    }

    /// <summary>Options with which the server sends its mail here.</summary>
    public ServerOptions Configure(ServerOptions options) => options with
    {
        Mail = options.Mail with
        {
            SmtpHost = Name,
            SmtpPort = _part.Ready.GetProperty("port").GetInt32(),
            SmtpUser = User,
            SmtpPasswordFile = _folder.File("password"),
            SmtpCertificateAuthority = _folder.File("cert.pem"),
        },
    };

    /// <summary>The next mail that comes.</summary>
    public async Task<DeliveredMail> NextAsync() => (await _part.NextAsync()).Deserialize<DeliveredMail>(Json)!;

    public async ValueTask DisposeAsync()
    {
        await _part.DisposeAsync();
        _folder.Dispose();
    }
}
