using Kpm.Server.Tests.BadInput;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Messaging;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>The SMTP server is away, and the server is killed meanwhile: no call is in the way, no mail is lost.</summary>
public sealed class MailFaultTests : IDisposable
{
    private readonly Storage.TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Mails_wait_for_the_smtp_server_across_a_kill()
    {
        await using var smtp = SmtpListener.Reserve();
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Kpm__Mail__SmtpHost"] = "127.0.0.1",
            ["Kpm__Mail__SmtpPort"] = smtp.Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["Kpm__Mail__SmtpSecurity"] = "none",
            ["Kpm__Limits__MailFirstRetry"] = "00:00:00.200",
            ["Kpm__Limits__MailLongestRetry"] = "00:00:01",
        };
        var data = _folder.File("data");
        var first = new TestDevice(TestDevice.NewEmail("first"));
        var second = new TestDevice(TestDevice.NewEmail("second"));
        await using (var killed = await ServerProcess.StartAsync(data, Cancelled, settings))
        {
            await first.RegisterAsync(killed.Connect(), Cancelled);
            await killed.KillAsync();
        }

        await using var server = await ServerProcess.StartAsync(data, Cancelled, settings);
        await second.RegisterAsync(server.Connect(), Cancelled);
        Assert.Empty(smtp.Received);

        smtp.Start();
        await smtp.WaitAsync(2);

        foreach (var device in (TestDevice[])[first, second])
        {
            var arrived = Assert.Single(smtp.Received, m => m.To == $"<{device.Email}>");
            var activated = await new VerificationService.VerificationServiceClient(server.Connect()).ActivateAccountAsync(
                new ActivateAccountRequest { Code = ReceivedMail.Parse(arrived.Content).Code }, device.Headers, cancellationToken: Cancelled);
            Assert.Equal(AccountState.Active, activated.Account.State);
        }

        // Nothing waits any more, and nothing comes twice.
        await StateDigest.OfQuietAsync(Path.Combine(data, "kpm.db"), Cancelled);
        Assert.Equal(2, smtp.Received.Count);
    }
}
