using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Federation;

/// <summary>Asked again at a provider, in place of the password; and the second step after a federated sign-in.</summary>
public sealed class ReauthenticationTests(OpenIdParts parts) : IClassFixture<OpenIdParts>
{
    private Task<TestServer> StartAsync() => TestServer.StartAsync(options: parts.Configure);

    private Task<string> PersonAsync() => parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });

    private static UnlinkIdentityRequest Unlink(string ticket, SecondFactor? factor = null)
    {
        var request = new UnlinkIdentityRequest
        {
            RequestId = Guid.CreateVersion7().ToString("D"),
            Reauthentication = new Reauthentication { FederatedTicket = ticket },
            IdentityId = Guid.CreateVersion7().ToString("D"),
        };
        if (factor is not null)
        {
            request.Reauthentication.SecondFactor = factor;
        }

        return request;
    }

    [Theory]
    [InlineData(OpenIdParts.Google)]
    [InlineData(OpenIdParts.Other)]
    [InlineData(OpenIdParts.Facebook)]
    public async Task A_ticket_proves_once_who_is_calling(string provider)
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var sub = await PersonAsync();
        await server.LinkAsync(provider, sub, owner);

        var ticket = await server.AskAgainAsync(provider, sub, owner);

        // The proof holds, and then there is no such identity.
        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.UnlinkIdentityAsync(Unlink(ticket), owner.Call));
        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.UnlinkIdentityAsync(Unlink(ticket), owner.Call));
    }

    [Fact]
    public async Task A_ticket_serves_the_session_that_asked_and_no_other()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var second = await server.SignInAsync(owner.Account!.Email);
        var sub = await PersonAsync();
        await server.LinkAsync(OpenIdParts.Google, sub, owner);
        var ticket = await server.AskAgainAsync(OpenIdParts.Google, sub, owner);

        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.UnlinkIdentityAsync(Unlink(ticket), second.Call));

        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.UnlinkIdentityAsync(Unlink(ticket), owner.Call));
    }

    [Fact]
    public async Task An_identity_that_is_not_linked_to_the_account_proves_nothing()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var other = await server.CreateActiveAsync();
        var (linked, unlinked) = (await PersonAsync(), await PersonAsync());
        await server.LinkAsync(OpenIdParts.Google, linked, other);

        await Refused.WithAsync(ErrorReason.IdentityRejected, () => server.AskAgainAsync(OpenIdParts.Google, linked, owner));
        await Refused.WithAsync(ErrorReason.IdentityRejected, () => server.AskAgainAsync(OpenIdParts.Google, unlinked, owner));

        Assert.Equal(0, Snapshot.Rows(server.Database, "ticket"));
    }

    [Fact]
    public async Task The_person_must_have_been_asked_since_the_flow_began()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var sub = "asked-" + AccountSteps.NewEmail();
        var link = await server.StartSdkFlowAsync(OpenIdParts.Other, FederatedPurpose.Link, owner);
        await server.Accounts.LinkIdentityAsync(FederatedApp.LinkRequest(link.With(Token(link, sub, 0))), owner.Call);
        string Token(AppFlow flow, string who, int secondsAgo) => parts.Sign(
            OpenIdParts.Other, parts.Claims(OpenIdParts.Other, flow.Started.Nonce, who).With("auth_time", DateTimeOffset.UtcNow.ToUnixTimeSeconds() - secondsAgo), "ES256");

        // An old session at the provider, and a token that does not say.
        var flow = await server.StartSdkFlowAsync(OpenIdParts.Other, FederatedPurpose.Reauthenticate, owner);
        await Refused.WithAsync(ErrorReason.IdentityRejected, server.Accounts.CompleteFederatedSignInAsync(new CompleteFederatedSignInRequest { Credential = flow.With(Token(flow, sub, 3600)) }, owner.Call));
        flow = await server.StartSdkFlowAsync(OpenIdParts.Other, FederatedPurpose.Reauthenticate, owner);
        var silent = parts.Sign(OpenIdParts.Other, parts.Claims(OpenIdParts.Other, flow.Started.Nonce, sub).Without("auth_time"), "ES256");
        await Refused.WithAsync(ErrorReason.IdentityRejected, server.Accounts.CompleteFederatedSignInAsync(new CompleteFederatedSignInRequest { Credential = flow.With(silent) }, owner.Call));
        Assert.Equal(2, server.Logs.Lines.Count(l => l.Id == 6002 && l.Text.EndsWith("AuthTime.", StringComparison.Ordinal)));

        flow = await server.StartSdkFlowAsync(OpenIdParts.Other, FederatedPurpose.Reauthenticate, owner);
        Assert.NotNull((await server.Accounts.CompleteFederatedSignInAsync(new CompleteFederatedSignInRequest { Credential = flow.With(Token(flow, sub, 0)) }, owner.Call)).Reauthenticated);
    }

    [Fact]
    public async Task Of_64_uses_of_one_ticket_one_wins()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var sub = await PersonAsync();
        await server.LinkAsync(OpenIdParts.Google, sub, owner);
        var ticket = await server.AskAgainAsync(OpenIdParts.Google, sub, owner);

        var outcomes = await Race.Of64Async(() => server.Accounts.UnlinkIdentityAsync(Unlink(ticket), owner.Call).ResponseAsync);

        Assert.Single(outcomes, o => o == "NOT_FOUND");
        Assert.Equal(63, outcomes.Count(o => o == "TICKET_INVALID"));
    }

    [Fact]
    public async Task A_ticket_lapses_and_other_tickets_are_none()
    {
        await using var server = await TestServer.StartAsync(options: o => parts.Configure(o) with { Limits = o.Limits with { ReauthenticationTicketLifetime = TimeSpan.FromMilliseconds(1) } });
        using var owner = await server.CreateActiveAsync();
        var sub = await PersonAsync();
        await server.LinkAsync(OpenIdParts.Google, sub, owner);
        var ticket = await server.AskAgainAsync(OpenIdParts.Google, sub, owner);
        await Task.Delay(5, TestContext.Current.CancellationToken);

        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.UnlinkIdentityAsync(Unlink(ticket), owner.Call));
        var flow = await server.StartSdkFlowAsync(OpenIdParts.Google, FederatedPurpose.Reauthenticate, owner);
        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.UnlinkIdentityAsync(Unlink(flow.Started.FlowId), owner.Call));
    }

    [Fact]
    public async Task Two_step_verification_holds_for_federated_sign_in_and_re_authentication_too()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var sub = await PersonAsync();
        await server.LinkAsync(OpenIdParts.Google, sub, owner);
        var started = await server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate() }, owner.Call);
        var codes = (await server.Verification.ConfirmAuthenticatorAsync(
            new ConfirmAuthenticatorRequest { Ticket = started.Ticket, Code = new TestAuthenticator(started.Secret, server.Time).Code() }, owner.Call)).RecoveryCodes;

        using var second = new TestDevice(server.Time);
        var required = (await server.SignInWithAsync(OpenIdParts.Google, sub, second)).TwoStepRequired;
        Assert.NotNull(required);
        Assert.Equal(1, Snapshot.Rows(server.Database, "device"));
        await server.SecondStepAsync(second, required.Ticket, new SecondFactor { RecoveryCode = codes[0] });
        Assert.Equal(owner.Account!.AccountId, second.Account!.AccountId);

        // Without the second factor the ticket is not spent.
        var ticket = await server.AskAgainAsync(OpenIdParts.Google, sub, owner);
        await Refused.WithAsync(ErrorReason.SecondFactorRequired, server.Accounts.UnlinkIdentityAsync(Unlink(ticket), owner.Call));
        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.UnlinkIdentityAsync(Unlink(ticket, new SecondFactor { RecoveryCode = codes[1] }), owner.Call));
    }
}
