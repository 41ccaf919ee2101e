using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Kpm.Server.Messaging;

/// <summary>One conversation with an SMTP server (RFC 5321): commands, replies, and the switch to TLS.</summary>
internal sealed class SmtpConnection : IAsyncDisposable
{
    /// <summary>RFC 5321 allows 512 bytes; some servers write more, none writes a novel.</summary>
    private const int LongestLine = 4096;
    private const int MostReplyLines = 100;

    private readonly TcpClient _client;
    private readonly byte[] _buffer = new byte[LongestLine];
    private Stream _stream;
    private int _start;
    private int _end;

    private SmtpConnection(TcpClient client)
    {
        _client = client;
        _stream = client.GetStream();
    }

    /// <summary>What the server said it can do, by its keyword in upper case.</summary>
    public IReadOnlyDictionary<string, string> Extensions { get; private set; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public static async Task<SmtpConnection> OpenAsync(string host, int port, CancellationToken cancellationToken)
    {
        var client = new TcpClient { NoDelay = true };
        try
        {
            await client.ConnectAsync(host, port, cancellationToken);
            return new SmtpConnection(client);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    public async Task StartTlsAsync(string host, X509ChainPolicy? trust, CancellationToken cancellationToken)
    {
        if (_start != _end)
        {
            // Text that came before the handshake could have been put in by anybody on the way (CVE-2011-0411).
            throw new SmtpException("the server sent text ahead of the TLS handshake");
        }

        var tls = new SslStream(_stream, leaveInnerStreamOpen: false);
        _stream = tls;
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = host, CertificateChainPolicy = trust }, cancellationToken);
    }

    /// <summary>Greets, and learns the server's extensions.</summary>
    public async Task HelloAsync(string name, CancellationToken cancellationToken)
    {
        var reply = await CommandAsync("EHLO " + name, 250, cancellationToken);
        Extensions = reply.Lines.Skip(1)
            .Select(l => l.Split(' ', 2))
            .DistinctBy(l => l[0], StringComparer.OrdinalIgnoreCase)
            .ToDictionary(l => l[0].ToUpperInvariant(), l => l.Length > 1 ? l[1] : "", StringComparer.Ordinal);
    }

    /// <summary>Sends a command and demands a reply; a 5xx reply to it is final.</summary>
    public async Task<SmtpReply> CommandAsync(string command, int expected, CancellationToken cancellationToken)
    {
        await _stream.WriteAsync(Encoding.UTF8.GetBytes(command + "\r\n"), cancellationToken);
        await _stream.FlushAsync(cancellationToken);
        return await ExpectAsync(expected, cancellationToken);
    }

    public async Task<SmtpReply> ExpectAsync(int expected, CancellationToken cancellationToken)
    {
        var reply = await ReadReplyAsync(cancellationToken);
        return reply.Code == expected ? reply : throw new SmtpException(reply.Code);
    }

    /// <summary>The message, with dots at the beginning of lines doubled, and the final dot.</summary>
    public async Task<SmtpReply> DataAsync(byte[] content, CancellationToken cancellationToken)
    {
        await CommandAsync("DATA", 354, cancellationToken);
        await _stream.WriteAsync(StuffDots(content), cancellationToken);
        await _stream.FlushAsync(cancellationToken);
        return await ExpectAsync(250, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _client.Dispose();
    }

    /// <summary>RFC 5321, section 4.5.2. The content ends with CRLF.</summary>
    internal static byte[] StuffDots(ReadOnlySpan<byte> content)
    {
        var stuffed = new List<byte>(content.Length + 64);
        var atLineStart = true;
        foreach (var b in content)
        {
            if (atLineStart && b == '.')
            {
                stuffed.Add((byte)'.');
            }

            stuffed.Add(b);
            atLineStart = b == '\n';
        }

        stuffed.AddRange(".\r\n"u8);
        return [.. stuffed];
    }

    private async Task<SmtpReply> ReadReplyAsync(CancellationToken cancellationToken)
    {
        var lines = new List<string>();
        while (lines.Count < MostReplyLines)
        {
            var line = await ReadLineAsync(cancellationToken);
            if (line.Length < 3 || !int.TryParse(line.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var code))
            {
                throw new SmtpException("the server's reply is not SMTP");
            }

            lines.Add(line.Length > 4 ? line[4..] : "");
            if (line.Length == 3 || line[3] != '-')
            {
                return new SmtpReply(code, lines);
            }
        }

        throw new SmtpException("the server's reply has no end");
    }

    private async Task<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var newLine = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (newLine >= 0)
            {
                var line = Encoding.UTF8.GetString(_buffer, _start, newLine).TrimEnd('\r');
                _start += newLine + 1;
                return line;
            }

            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                (_start, _end) = (0, _end - _start);
            }

            if (_end == _buffer.Length)
            {
                throw new SmtpException("the server's reply has a line without an end");
            }

            var read = await _stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            if (read == 0)
            {
                throw new SmtpException("the server closed the connection");
            }

            _end += read;
        }
    }
}

/// <summary>A reply: its code, and its lines without the code.</summary>
internal sealed record SmtpReply(int Code, IReadOnlyList<string> Lines);

/// <summary>The conversation failed. The message never holds the server's text, which may quote an address.</summary>
#pragma warning disable CA1032, RCS1194 // made in this folder only
internal sealed class SmtpException : Exception
#pragma warning restore CA1032, RCS1194
{
    public SmtpException(string message)
        : base(message)
    {
    }

    public SmtpException(int code)
        : base(string.Create(CultureInfo.InvariantCulture, $"the server answered {code}")) => Code = code;

    /// <summary>The reply's code; 0 where the conversation broke.</summary>
    public int Code { get; }

    /// <summary>The server will say the same next time.</summary>
    public bool IsFinal => Code is >= 500 and < 600;
}
