using System.Text;
using Kpm.Server.Pages;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Messaging;

/// <summary>S13 through a real mail server: what arrives, as a mail reader reads it.</summary>
public sealed class SmtpServerTests
{
    public static TheoryData<string, string, string, string> Languages() => new()
    {
        { "GB", "en", "Activate your Kpm account", "An account was created with the address" },
        { "AT", "de", "Aktivieren Sie Ihr Kpm-Konto", "wurde ein Konto angelegt" },
        { "FR", "fr", "Activez votre compte Kpm", "Un compte a été créé avec l’adresse" },
        { "ES", "es", "Active su cuenta de Kpm", "Se ha creado una cuenta con la dirección" },
        { "RU", "ru", "Активируйте учётную запись Kpm", "создана учётная запись" },
        { "JP", "ja", "Kpm アカウントの有効化", "でアカウントが作成されました" },
    };

    [Theory]
    [MemberData(nameof(Languages))]
    public async Task Registering_connects_at_once_and_mails_how_to_activate_in_the_accounts_language(string region, string language, string subject, string says)
    {
        await using var smtp = await SmtpServer.StartAsync();
        await using var server = await TestServer.StartAsync(options: smtp.Configure);
        using var device = new TestDevice(server.Time);
        var request = device.CreateRequest($"Person.{language}@bücher.example");
        (request.Region, request.Language) = (region, language);

        device.Session = (await server.Accounts.CreateAccountAsync(request)).Created.Session;
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
        var mail = await smtp.NextAsync();

        // smtp-server shows the envelope's domain in Unicode; the header has what went over the wire.
        Assert.Equal(("no-reply@kpm.example", $"Person.{language}@bücher.example"), (mail.EnvelopeFrom, Assert.Single(mail.EnvelopeTo)));
        Assert.Equal($"<Person.{language}@xn--bcher-kva.example>", mail.Headers["to"]);
        Assert.Equal((true, "kpm", false), (mail.Secure, mail.User, mail.Utf8));
        Assert.Equal(("\"Kpm\" <no-reply@kpm.example>", subject), (mail.From, mail.Subject));
        Assert.Equal((language, "auto-generated"), (mail.Headers["content-language"], mail.Headers["auto-submitted"]));
        Assert.Matches("^<[0-9a-f-]{36}@kpm\\.example>$", mail.MessageId);
        Assert.True((DateTimeOffset.UtcNow - mail.Date).Duration() < TimeSpan.FromMinutes(5));
        Assert.Equal(0, mail.Attachments);
        Assert.True(Ascii.IsValid(mail.Raw), "8-bit bytes need a server that takes them");
        var received = mail.AsReceived;
        foreach (var part in (string[])[mail.Text, mail.Html])
        {
            Assert.Contains(says, part, StringComparison.Ordinal);
            Assert.Contains($"Person.{language}@bücher.example", part, StringComparison.Ordinal);
            Assert.Contains(received.Code, part, StringComparison.Ordinal);
            Assert.Contains(received.Token, part, StringComparison.Ordinal);
            Assert.Contains(received.DiscardToken, part, StringComparison.Ordinal);
            Assert.DoesNotContain("{{", part, StringComparison.Ordinal);
        }

        Assert.EndsWith($"/activate?token={received.Token}&lang={language}", received.Link(PagePaths.Activate), StringComparison.Ordinal);
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = received.Code }, device.Call);
    }

    [Fact]
    public async Task An_address_beyond_ASCII_is_handed_over_as_such()
    {
        await using var smtp = await SmtpServer.StartAsync();
        await using var server = await TestServer.StartAsync(options: smtp.Configure);
        using var device = await server.CreatePendingAsync("用户@例え.jp");

        var mail = await smtp.NextAsync();

        Assert.Equal("用户@例え.jp", Assert.Single(mail.EnvelopeTo));
        Assert.True(mail.Utf8);
    }

    [Fact]
    public async Task Pending_accounts_of_one_address_get_their_own_mails_and_the_activated_one_wins()
    {
        await using var smtp = await SmtpServer.StartAsync();
        await using var server = await TestServer.StartAsync(options: smtp.Configure);
        var email = AccountSteps.NewEmail();
        using var stranger = await server.CreatePendingAsync(email);
        var strangers = (await smtp.NextAsync()).AsReceived;
        using var owner = await server.CreatePendingAsync(email);
        var owners = (await smtp.NextAsync()).AsReceived;
        Assert.NotEqual(strangers.Token, owners.Token);

        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = strangers.Code == owners.Code ? "000000" : strangers.Code }, owner.Call));
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = owners.Token }, owner.Call);

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), stranger.Call));
        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.DiscardPendingAccountAsync(new DiscardPendingAccountRequest { Token = strangers.DiscardToken }));
        Assert.Equal(AccountState.Active, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), owner.Call)).Account.State);
    }

    [Fact]
    public async Task This_was_not_me_removes_the_account_and_the_others_of_the_address_stay()
    {
        await using var smtp = await SmtpServer.StartAsync();
        await using var server = await TestServer.StartAsync(options: smtp.Configure);
        var email = AccountSteps.NewEmail();
        using var stranger = await server.CreatePendingAsync(email);
        var strangers = (await smtp.NextAsync()).AsReceived;
        using var owner = await server.CreatePendingAsync(email);
        var owners = (await smtp.NextAsync()).AsReceived;

        await server.Verification.DiscardPendingAccountAsync(new DiscardPendingAccountRequest { Token = strangers.DiscardToken });

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), stranger.Call));
        Assert.Equal(1, Snapshot.Rows(server.Database, "account"));
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = owners.Token, Password = AccountSteps.Password });
    }
}
