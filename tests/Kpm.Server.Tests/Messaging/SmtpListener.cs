using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Kpm.Server.Tests.Hosting;

namespace Kpm.Server.Tests.Messaging;

/// <summary>A mail as it arrived, without the dots that the transport doubles.</summary>
internal sealed record ArrivedMail(string From, string To, string Content, bool Encrypted, string? Login);

/// <summary>A small SMTP server that keeps what it gets. Its port is bound before it listens, so that it can be down first and nobody else gets the port.</summary>
internal sealed class SmtpListener : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private X509Certificate2? _certificate;
    private Task _running = Task.CompletedTask;

    private SmtpListener(Socket listener) => _listener = listener;

    public int Port { get; private init; }

    public string AnswerToRecipient { get; set; } = "250 OK";

    public ConcurrentQueue<ArrivedMail> Received { get; } = [];

    /// <summary>Takes a port; who connects is refused until <see cref="Start"/>.</summary>
    public static SmtpListener Reserve()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return new SmtpListener(socket) { Port = ((IPEndPoint)socket.LocalEndPoint!).Port };
    }

    /// <summary>Offers STARTTLS with a certificate of its own; returns it as PEM, to be trusted.</summary>
    public string UseTls(string host)
    {
        _certificate = TestCertificate.Make(host);
        return _certificate.ExportCertificatePem();
    }

    public void Start()
    {
        _listener.Listen();
        _running = AcceptAsync();
    }

    public async Task<ArrivedMail> WaitAsync(int count)
    {
        await Eventually.TrueAsync(() => Received.Count >= count);
        return Received.ElementAt(count - 1);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _running;
        _certificate?.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var client = await _listener.AcceptAsync(_stop.Token);
                await using var stream = new NetworkStream(client);
                await ServeAsync(stream);
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
            {
                // The client left, or the test is over.
            }
        }
    }

    private async Task ServeAsync(Stream stream)
    {
        var (reader, writer) = Wrap(stream);
        string from = "", to = "";
        string? login = null;
        var encrypted = false;
        await writer.WriteLineAsync("220 test ESMTP");
        while (await reader.ReadLineAsync(_stop.Token) is { } line)
        {
            switch (line.Split(' ', ':')[0].ToUpperInvariant())
            {
                case "EHLO":
                    await writer.WriteLineAsync(encrypted ? "250-test\r\n250-AUTH LOGIN PLAIN\r\n250 SMTPUTF8" : _certificate is null ? "250 test" : "250-test\r\n250 STARTTLS");
                    break;
                case "STARTTLS":
                    await writer.WriteLineAsync("220 go on");
                    var tls = new SslStream(stream);
                    await tls.AuthenticateAsServerAsync(_certificate!);
                    (stream, encrypted) = (tls, true);
                    (reader, writer) = Wrap(stream);
                    break;
                case "AUTH":
                    login = Encoding.UTF8.GetString(Convert.FromBase64String(line.Split(' ')[2]));
                    await writer.WriteLineAsync("235 welcome");
                    break;
                case "MAIL":
                    from = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Split(' ')[0];
                    await writer.WriteLineAsync("250 OK");
                    break;
                case "RCPT":
                    to = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..];
                    await writer.WriteLineAsync(AnswerToRecipient);
                    break;
                case "DATA":
                    await writer.WriteLineAsync("354 go ahead");
                    Received.Enqueue(new ArrivedMail(from, to, await ReadContentAsync(reader), encrypted, login));
                    await writer.WriteLineAsync("250 queued");
                    break;
                case "QUIT":
                    await writer.WriteLineAsync("221 bye");
                    return;
                default:
                    await writer.WriteLineAsync("500 what?");
                    break;
            }
        }
    }

    private async Task<string> ReadContentAsync(StreamReader reader)
    {
        var content = new StringBuilder();
        while (await reader.ReadLineAsync(_stop.Token) is { } line && line != ".")
        {
            content.Append(line.StartsWith('.') ? line[1..] : line).Append("\r\n");
        }

        return content.ToString();
    }

    private static (StreamReader Reader, StreamWriter Writer) Wrap(Stream stream) =>
        (new StreamReader(stream, new UTF8Encoding(false)), new StreamWriter(stream, new UTF8Encoding(false)) { NewLine = "\r\n", AutoFlush = true });
}
