using System.Text;
using Kpm.Server.Messaging;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Messaging;

public sealed class MailDeliveryTests
{
    [Fact]
    public async Task Files_are_for_their_owner_only_and_the_outbox_keeps_nothing()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        await server.Mails.WaitAsync(device.Account!.Email);

        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "mail") == 0);
        if (!OperatingSystem.IsWindows())
        {
            var file = Assert.Single(Directory.EnumerateFiles(server.Options.MailFolder));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public async Task Mail_that_can_not_be_sent_waits_across_a_restart_and_is_in_nobodys_way()
    {
        var time = new FakeTime();
        await using var smtp = SmtpListener.Reserve();
        await using var server = await TestServer.StartAsync(time, o => o with { Mail = o.Mail with { SmtpHost = "127.0.0.1", SmtpPort = smtp.Port, SmtpSecurity = "none" } });
        using var device = await server.CreatePendingAsync("owner@bücher.example");
        await Eventually.TrueAsync(() => server.Logs.Lines.Any(l => l.Id == 3001));
        Assert.Equal(1, Snapshot.Rows(server.Database, "mail"));
        Assert.DoesNotContain("bücher", string.Join('\n', server.Logs.Text), StringComparison.Ordinal);

        await server.RestartAsync();
        smtp.Start();

        // In steps: the delivery may be about to set its timer when the clock moves.
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(500));
            return !smtp.Received.IsEmpty;
        });

        var received = await smtp.WaitAsync(1);
        Assert.Equal("<no-reply@kpm.example>", received.From);
        Assert.Equal("<owner@xn--bcher-kva.example>", received.To);
        var mail = ReceivedMail.Parse(received.Content);
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "mail") == 0);
        await server.RefreshAsync(device);
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = mail.Code }, device.Call);
    }

    [Fact]
    public async Task A_mail_that_is_worthless_by_now_is_dropped()
    {
        var time = new FakeTime();
        await using var smtp = SmtpListener.Reserve();
        await using var server = await TestServer.StartAsync(time, o => o with { Mail = o.Mail with { SmtpHost = "127.0.0.1", SmtpPort = smtp.Port, SmtpSecurity = "none" } });
        using var device = await server.CreatePendingAsync();
        await Eventually.TrueAsync(() => server.Logs.Lines.Any(l => l.Id == 3001));
        await server.StopAsync();
        time.Advance(TimeSpan.FromHours(24));
        await server.RestartAsync();

        await Eventually.TrueAsync(() => server.Logs.Lines.Any(l => l.Id == 3002));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "mail") == 0);
    }

    [Fact]
    public async Task A_recipient_refused_for_good_is_not_tried_again()
    {
        await using var smtp = SmtpListener.Reserve();
        smtp.AnswerToRecipient = "550 5.1.1 no such user person@example.org";
        smtp.Start();
        await using var server = await TestServer.StartAsync(options: o => o with { Mail = o.Mail with { SmtpHost = "127.0.0.1", SmtpPort = smtp.Port, SmtpSecurity = "none" } });
        using var device = await server.CreatePendingAsync();

        await Eventually.TrueAsync(() => server.Logs.Lines.Any(l => l.Id == 3003));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "mail") == 0);
        Assert.DoesNotContain("person@", server.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mail_goes_over_STARTTLS_after_logging_in()
    {
        using var folder = new Storage.TempFolder();
        await File.WriteAllTextAsync(folder.File("password"), "smtp-secret\n");
        await using var smtp = SmtpListener.Reserve();
        await File.WriteAllTextAsync(folder.File("ca.pem"), smtp.UseTls("localhost"));
        smtp.Start();
        await using var server = await TestServer.StartAsync(options: o => o with
        {
            Mail = o.Mail with
            {
                SmtpHost = "localhost", SmtpPort = smtp.Port, SmtpUser = "kpm", SmtpPasswordFile = folder.File("password"), SmtpCertificateAuthority = folder.File("ca.pem"),
            },
        });
        using var device = await server.CreatePendingAsync();

        var received = await smtp.WaitAsync(1);
        Assert.True(received.Encrypted);
        Assert.Equal("\0kpm\0smtp-secret", received.Login);
    }

    [Fact]
    public async Task A_server_without_STARTTLS_gets_no_mail()
    {
        var time = new FakeTime();
        await using var smtp = SmtpListener.Reserve();
        smtp.Start();
        await using var server = await TestServer.StartAsync(time, o => o with { Mail = o.Mail with { SmtpHost = "127.0.0.1", SmtpPort = smtp.Port } });
        using var device = await server.CreatePendingAsync();

        await Eventually.TrueAsync(() => server.Logs.Lines.Any(l => l.Id == 3001));
        Assert.Empty(smtp.Received);
        Assert.Equal(1, Snapshot.Rows(server.Database, "mail"));
    }

    [Theory]
    [InlineData("a\r\n.b\r\n..c\r\nd.\r\n", "a\r\n..b\r\n...c\r\nd.\r\n.\r\n")]
    [InlineData(".\r\n", "..\r\n.\r\n")]
    public void Lines_that_begin_with_a_dot_survive(string content, string onTheWire) =>
        Assert.Equal(onTheWire, Encoding.ASCII.GetString(SmtpConnection.StuffDots(Encoding.ASCII.GetBytes(content))));
}
