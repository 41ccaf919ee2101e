using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Federation;

/// <summary>CreateAccount with the ticket of a RegisterFirst (S4).</summary>
public sealed class FederatedRegistrationTests(OpenIdParts parts) : IClassFixture<OpenIdParts>
{
    private Task<TestServer> StartAsync() => TestServer.StartAsync(options: parts.Configure);

    /// <summary>A person at the provider, and what the app shows for them.</summary>
    private async Task<(string Sub, TestDevice Device, RegisterFirst First)> BeginAsync(TestServer server, string provider, string? email = null)
    {
        var sub = await parts.PersonAsync(new { email = email ?? AccountSteps.NewEmail(), email_verified = true });
        var device = new TestDevice(server.Time);
        return (sub, device, (await server.SignInWithAsync(provider, sub, device)).RegisterFirst);
    }

    [Fact]
    public async Task With_an_address_that_Google_has_verified_the_account_is_active_at_once_without_a_password()
    {
        await using var server = await StartAsync();
        var (_, device, first) = await BeginAsync(server, OpenIdParts.Google);
        // Somebody else has registered the address before, and waits for its owner to activate it.
        using var hijacker = await server.CreatePendingAsync(first.Email);

        var created = (await server.Accounts.CreateAccountAsync(device.RegistrationWith(first))).Created;

        Assert.Equal((AccountState.Active, false), (created.Account.State, created.Account.HasPassword));
        Assert.Null(created.Activation);
        device.Account = created.Account;
        device.Session = created.Session;
        Assert.NotNull(await server.Vault.GetVaultAsync(new GetVaultRequest(), device.Call));
        // The mail informs; the stranger's registration is gone with its session.
        var mail = await server.Mails.WaitAsync(first.Email, 2);
        Assert.Contains("Google", mail.Text, StringComparison.Ordinal);
        Assert.Equal("", mail.Token);
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), hijacker.Call));
        Assert.Equal(1, Snapshot.Rows(server.Database, "account"));
        Assert.Contains(Events.Of(server, device), e => e.Kind == SecurityEventKind.IdentityLinked);
        // No password opens it.
        using var other = new TestDevice(server.Time);
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(new SignInRequest { Email = first.Email, Password = AccountSteps.Password, Device = other.Info }));
        device.Dispose();
    }

    [Fact]
    public async Task An_address_from_Facebook_is_activated_by_mail_like_any_other()
    {
        await using var server = await StartAsync();
        var (sub, device, first) = await BeginAsync(server, OpenIdParts.Facebook);
        Assert.False(first.EmailVerified);

        var created = (await server.Accounts.CreateAccountAsync(device.RegistrationWith(first))).Created;

        Assert.Equal(AccountState.Pending, created.Account.State);
        Assert.NotNull(created.Activation);
        device.Session = created.Session;
        // Pending: no second device, not even with the identity that it was registered with.
        using var second = new TestDevice(server.Time);
        Assert.NotNull((await server.SignInWithAsync(OpenIdParts.Facebook, sub, second)).RegisterFirst);

        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = (await server.Mails.WaitAsync(first.Email)).Code }, device.Call);
        Assert.Equal(created.Account.AccountId, (await server.SignInWithAsync(OpenIdParts.Facebook, sub, second)).SignedIn.Account.AccountId);
        device.Dispose();
    }

    [Fact]
    public async Task Another_address_than_the_verified_one_is_activated_by_mail()
    {
        await using var server = await StartAsync();
        var (_, device, first) = await BeginAsync(server, OpenIdParts.Google);
        var other = AccountSteps.NewEmail();

        var created = (await server.Accounts.CreateAccountAsync(device.RegistrationWith(first, other))).Created;

        Assert.Equal((AccountState.Pending, other), (created.Account.State, created.Account.Email));
        Assert.NotEqual("", (await server.Mails.WaitAsync(other)).Token);
        device.Dispose();
    }

    [Fact]
    public async Task The_case_of_the_verified_address_does_not_matter()
    {
        await using var server = await StartAsync();
        var (_, device, first) = await BeginAsync(server, OpenIdParts.Google);

        Assert.Equal(AccountState.Active, (await server.Accounts.CreateAccountAsync(device.RegistrationWith(first, first.Email.ToUpperInvariant()))).Created.Account.State);
        device.Dispose();
    }

    [Fact]
    public async Task A_password_may_be_set_and_keeps_the_rules()
    {
        await using var server = await StartAsync();
        var (_, device, first) = await BeginAsync(server, OpenIdParts.Google);
        var request = device.RegistrationWith(first);
        (request.Password, request.PasswordConfirmation) = ("short", "short");
        await Refused.WithAsync(ErrorReason.PasswordRejected, server.Accounts.CreateAccountAsync(request));
        (request.Password, request.PasswordConfirmation) = (AccountSteps.Password, "");
        await Refused.WithAsync(ErrorReason.PasswordRejected, server.Accounts.CreateAccountAsync(request));

        request.PasswordConfirmation = AccountSteps.Password;
        Assert.True((await server.Accounts.CreateAccountAsync(request)).Created.Account.HasPassword);
        await server.SignInAsync(first.Email);
        device.Dispose();
    }

    [Fact]
    public async Task A_ticket_serves_one_account_and_a_mistake_in_the_form_does_not_cost_it()
    {
        await using var server = await StartAsync();
        var (_, device, first) = await BeginAsync(server, OpenIdParts.Google);
        var mistaken = device.RegistrationWith(first);
        mistaken.Language = "xx";
        await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.CreateAccountAsync(mistaken));
        await server.Accounts.CreateAccountAsync(device.RegistrationWith(first));

        using var other = new TestDevice(server.Time);
        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.CreateAccountAsync(other.RegistrationWith(first, AccountSteps.NewEmail())));
        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.CreateAccountAsync(other.RegistrationWith(new RegisterFirst { Ticket = "kpm-register-made-up", Email = AccountSteps.NewEmail() })));

        Assert.Equal(1, Snapshot.Rows(server.Database, "account"));
        device.Dispose();
    }

    [Fact]
    public async Task Two_tickets_of_one_identity_make_one_account()
    {
        await using var server = await StartAsync();
        var (sub, device, first) = await BeginAsync(server, OpenIdParts.Google);
        using var second = new TestDevice(server.Time);
        var again = (await server.SignInWithAsync(OpenIdParts.Google, sub, second)).RegisterFirst;
        await server.Accounts.CreateAccountAsync(device.RegistrationWith(first));

        await Refused.WithAsync(ErrorReason.IdentityInUse, server.Accounts.CreateAccountAsync(second.RegistrationWith(again, AccountSteps.NewEmail())));
        device.Dispose();
    }

    [Fact]
    public async Task Of_several_pending_accounts_with_one_identity_the_activated_one_keeps_it()
    {
        await using var server = await StartAsync();
        var (sub, device, first) = await BeginAsync(server, OpenIdParts.Facebook);
        using var second = new TestDevice(server.Time);
        var again = (await server.SignInWithAsync(OpenIdParts.Facebook, sub, second)).RegisterFirst;
        var email = AccountSteps.NewEmail();
        device.Session = (await server.Accounts.CreateAccountAsync(device.RegistrationWith(first))).Created.Session;
        second.Session = (await server.Accounts.CreateAccountAsync(second.RegistrationWith(again, email))).Created.Session;

        var winner = (await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = (await server.Mails.WaitAsync(email)).Code }, second.Call)).Account;
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = (await server.Mails.WaitAsync(first.Email)).Code }, device.Call);

        Assert.Empty((await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), device.Call)).Identities);
        using var third = new TestDevice(server.Time);
        Assert.Equal(winner.AccountId, (await server.SignInWithAsync(OpenIdParts.Facebook, sub, third)).SignedIn.Account.AccountId);
        device.Dispose();
    }

    [Fact]
    public async Task A_ticket_lapses()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => parts.Configure(o) with { Limits = o.Limits with { RegistrationTicketLifetime = TimeSpan.FromMinutes(30) } });
        using var device = new TestDevice(time);
        var flow = await server.StartSdkFlowAsync(OpenIdParts.Google);
        var seconds = time.GetUtcNow().ToUnixTimeSeconds();
        var claims = parts.Claims(OpenIdParts.Google, flow.Started.Nonce, "lapsing").With("iat", seconds).With("exp", seconds + 60);
        var first = (await server.CompleteAsync(flow.With(parts.Sign(OpenIdParts.Google, claims)), device)).RegisterFirst;
        time.Advance(TimeSpan.FromMinutes(30));

        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.CreateAccountAsync(device.RegistrationWith(first)));
    }

    [Fact]
    public async Task Of_64_registrations_with_one_ticket_one_wins()
    {
        await using var server = await StartAsync();
        var (_, device, first) = await BeginAsync(server, OpenIdParts.Google);

        var outcomes = await Race.Of64Async(async () =>
        {
            using var one = new TestDevice(server.Time);
            return await server.Accounts.CreateAccountAsync(one.RegistrationWith(first, AccountSteps.NewEmail()));
        });

        Assert.Single(outcomes, o => o == "OK");
        Assert.Equal(63, outcomes.Count(o => o == "TICKET_INVALID"));
        Assert.Equal(1, Snapshot.Rows(server.Database, "account"));
        Assert.Equal(1, Snapshot.Rows(server.Database, "identity"));
        device.Dispose();
    }
}
