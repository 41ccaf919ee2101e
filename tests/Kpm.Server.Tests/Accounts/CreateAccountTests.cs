using Dapper;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class CreateAccountTests
{
    [Fact]
    public async Task Creating_an_account_connects_the_device_and_mails_the_activation()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync("Person@Example.org");

        Assert.Equal(AccountState.Pending, device.Account!.State);
        Assert.Equal("Person@Example.org", device.Account.Email);
        var account = await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call);
        Assert.Equal(device.Account, account.Account);
        Assert.NotNull(account.Activation);

        var mail = await server.Mails.WaitAsync("Person@example.org");
        Assert.Matches("^[0-9]{6}$", mail.Code);
        Assert.Equal("Aktivieren Sie Ihr Kpm-Konto", mail.Subject);
        Assert.Contains(mail.Token, mail.Html, StringComparison.Ordinal);
        Assert.Contains(mail.DiscardToken, mail.Html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Aa1", new[] { "PASSWORD_TOO_SHORT" })]
    [InlineData("aa aa", new[] { "PASSWORD_TOO_SHORT", "PASSWORD_NEEDS_DIGIT", "PASSWORD_NEEDS_UPPER_CASE", "PASSWORD_HAS_WHITE_SPACE" })]
    [InlineData("1234567", new[] { "PASSWORD_TOO_SHORT", "PASSWORD_NEEDS_LOWER_CASE", "PASSWORD_NEEDS_UPPER_CASE", "PASSWORD_TOO_COMMON" })]
    [InlineData("Password1!", new[] { "PASSWORD_TOO_COMMON" })]
    public async Task Every_broken_password_rule_is_told_at_once_each_by_its_own_reason(string password, string[] reasons)
    {
        await using var server = await TestServer.StartAsync();
        using var device = new TestDevice(server.Time);
        var request = device.CreateRequest(AccountSteps.NewEmail());
        request.Password = password;
        request.PasswordConfirmation = password + "x";
        request.Region = "ZZ";
        var before = Snapshot.Of(server.Database);

        var refused = await Refused.WithAsync(ErrorReason.PasswordRejected, server.Accounts.CreateAccountAsync(request));

        Assert.Equal(reasons, refused.Fields.Where(f => f.Field == "password").Select(f => f.Reason));
        Assert.Contains(refused.Fields, f => f is { Field: "password_confirmation", Reason: "PASSWORD_CONFIRMATION_DIFFERS" });
        Assert.Contains(refused.Fields, f => f is { Field: "region", Reason: "NOT_IN_CATALOGUE" });
        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task Region_language_application_and_consent_version_come_from_the_catalogue()
    {
        await using var server = await TestServer.StartAsync();
        using var device = new TestDevice(server.Time);
        var request = device.CreateRequest(AccountSteps.NewEmail());
        request.Language = "ja";
        request.ConsentVersion = "1999-01";
        request.Device.ApplicationId = "not-an-application";

        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.CreateAccountAsync(request));

        Assert.Equal(["language", "device.application_id", "consent_version"], refused.FieldNames);
    }

    [Fact]
    public async Task Consent_is_stored_with_its_time_text_version_and_source()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = new TestDevice(time);
        var request = device.CreateRequest(AccountSteps.NewEmail());
        request.MarketingConsent = true;

        var response = await server.Accounts.CreateAccountAsync(request);

        Assert.True(response.Created.Account.MarketingConsent);
        var (given, version, source, at) = server.Database.Read(c => c.QuerySingle<(bool, string, string, long)>("SELECT given, text_version, source, decided_at FROM consent"));
        Assert.Equal((true, "2026-11", "CreateAccount kpm-cli", time.GetUtcNow().ToUnixTimeMilliseconds()), (given, version, source, at));
    }

    [Fact]
    public async Task An_address_with_an_activated_account_is_in_use_however_it_is_written()
    {
        await using var server = await TestServer.StartAsync();
        using var owner = await server.CreateActiveAsync("owner@bücher.example");
        using var other = new TestDevice(server.Time);
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.EmailInUse, server.Accounts.CreateAccountAsync(other.CreateRequest("OWNER@xn--bcher-kva.example")));

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task Several_pending_accounts_may_hold_one_address()
    {
        await using var server = await TestServer.StartAsync();
        var email = AccountSteps.NewEmail();
        using var first = await server.CreatePendingAsync(email);
        using var second = await server.CreatePendingAsync(email);

        Assert.NotEqual(first.AccountId, second.AccountId);
        Assert.NotEqual((await server.Mails.WaitAsync(email)).Token, (await server.Mails.WaitAsync(email, 2)).Token);
    }

    [Fact]
    public async Task A_mailbox_can_not_be_flooded_with_registrations()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { RegistrationsPerAddressPerDay = 2 } });
        var email = AccountSteps.NewEmail();
        using var first = await server.CreatePendingAsync(email);
        using var second = await server.CreatePendingAsync(email);
        using var third = new TestDevice(time);

        var refused = await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.CreateAccountAsync(third.CreateRequest(email)));

        Assert.Equal(TimeSpan.FromDays(1), refused.RetryAfter);
        time.Advance(TimeSpan.FromDays(1));
        await server.CreatePendingAsync(email, third);
    }

    [Fact]
    public async Task A_device_belongs_to_one_account_and_one_key()
    {
        await using var server = await TestServer.StartAsync();
        using var owner = await server.CreatePendingAsync();
        using var thief = new TestDevice(server.Time, owner.DeviceId);

        var refused = await Refused.WithAsync(ErrorReason.DeviceConflict, server.Accounts.CreateAccountAsync(thief.CreateRequest(AccountSteps.NewEmail())));

        Assert.Empty(refused.Info.Metadata);
        Assert.Equal(1, Snapshot.Rows(server.Database, "account"));
    }

    [Fact]
    public async Task Neither_the_database_nor_the_log_holds_a_secret_in_clear_text()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync("secret.person@example.org");
        var mail = await server.Mails.WaitAsync("secret.person@example.org");

        var stored = string.Join('\n', Snapshot.Of(server.Database).Values);
        foreach (var secret in (string[])[AccountSteps.Password, mail.Token, mail.DiscardToken, device.Session!.AccessToken, device.Session.RefreshToken])
        {
            Assert.DoesNotContain(secret, stored, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, server.Logs.Text, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("secret.person", server.Logs.Text, StringComparison.OrdinalIgnoreCase);
    }
}
