using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Kpm.Server.Messaging;

/// <summary>Hands each mail to the configured SMTP server, over TLS unless told otherwise, on a connection of its own.</summary>
internal sealed class SmtpMailSender(MailOptions options, Limits limits, TimeProvider time) : IMailSender
{
    public string Destination => $"smtp://{options.SmtpHost}:{options.SmtpPort}";

    public async Task SendAsync(WrittenMail mail, Guid mailId, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(limits.MailDeliveryTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        await using var smtp = await ConnectAsync(either.Token);
        await LogInAsync(smtp, either.Token);
        var parameters = mail.NeedsUtf8
            ? smtp.Extensions.ContainsKey("SMTPUTF8") ? " SMTPUTF8" : throw new MessageRefusedException("the SMTP server does not take addresses beyond ASCII (SMTPUTF8)")
            : "";
        await smtp.CommandAsync($"MAIL FROM:<{mail.From}>{parameters}", 250, either.Token);
        try
        {
            await smtp.CommandAsync($"RCPT TO:<{mail.To}>", 250, either.Token);
            await smtp.DataAsync(mail.Content, either.Token);
        }
        catch (SmtpException e) when (e.IsFinal)
        {
            // Only what is about this recipient or this mail is final; a refused sender or login is ours to repair.
            throw new MessageRefusedException(e.Message);
        }

        try
        {
            await smtp.CommandAsync("QUIT", 221, either.Token);
        }
        catch (Exception e) when (e is SmtpException or IOException)
        {
            // The mail was accepted; how the server says goodbye does not matter.
        }
    }

    private async Task<SmtpConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        var smtp = await SmtpConnection.OpenAsync(options.SmtpHost, options.SmtpPort, cancellationToken);
        try
        {
            if (options.SmtpSecurity == "tls")
            {
                await smtp.StartTlsAsync(options.SmtpHost, Trust(), cancellationToken);
            }

            await smtp.ExpectAsync(220, cancellationToken);
            await smtp.HelloAsync(HelloName, cancellationToken);
            if (options.SmtpSecurity == "starttls")
            {
                if (!smtp.Extensions.ContainsKey("STARTTLS"))
                {
                    throw new SmtpException("the server does not offer STARTTLS");
                }

                await smtp.CommandAsync("STARTTLS", 220, cancellationToken);
                await smtp.StartTlsAsync(options.SmtpHost, Trust(), cancellationToken);
                // What was said before the handshake does not count (RFC 3207, section 4.2).
                await smtp.HelloAsync(HelloName, cancellationToken);
            }

            return smtp;
        }
        catch
        {
            await smtp.DisposeAsync();
            throw;
        }
    }

    private async Task LogInAsync(SmtpConnection smtp, CancellationToken cancellationToken)
    {
        if (options.SmtpUser.Length == 0)
        {
            return;
        }

        // Read each time, so that a changed password needs no restart.
        var password = (await File.ReadAllTextAsync(options.SmtpPasswordFile, cancellationToken)).TrimEnd('\r', '\n');
        var mechanisms = smtp.Extensions.GetValueOrDefault("AUTH", "").ToUpperInvariant().Split(' ');
        if (mechanisms.Contains("PLAIN", StringComparer.Ordinal))
        {
            await smtp.CommandAsync("AUTH PLAIN " + Base64($"\0{options.SmtpUser}\0{password}"), 235, cancellationToken);
        }
        else if (mechanisms.Contains("LOGIN", StringComparer.Ordinal))
        {
            await smtp.CommandAsync("AUTH LOGIN", 334, cancellationToken);
            await smtp.CommandAsync(Base64(options.SmtpUser), 334, cancellationToken);
            await smtp.CommandAsync(Base64(password), 235, cancellationToken);
        }
        else
        {
            throw new SmtpException("the server offers neither AUTH PLAIN nor AUTH LOGIN");
        }
    }

    /// <summary>Null for the authorities that the system trusts.</summary>
    private X509ChainPolicy? Trust()
    {
        if (options.SmtpCertificateAuthority.Length == 0)
        {
            return null;
        }

        // An authority of one's own publishes no revocation lists as a rule.
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.ImportFromPemFile(options.SmtpCertificateAuthority);
        return trust;
    }

    /// <summary>The machine's name where it can stand in EHLO, else an address literal.</summary>
    private static string HelloName => Dns.GetHostName() is { Length: > 0 } name && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-') ? name : "[127.0.0.1]";

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
