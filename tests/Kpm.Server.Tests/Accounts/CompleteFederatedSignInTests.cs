using Kpm.Server.Tests.Federation;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class CompleteFederatedSignInTests(OpenIdParts parts) : IClassFixture<OpenIdParts>
{
    private Task<TestServer> StartAsync() => TestServer.StartAsync(options: parts.Configure);

    [Fact]
    public async Task An_identity_without_an_account_leads_to_registration_with_what_the_provider_told()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var email = AccountSteps.NewEmail();
        var sub = await parts.PersonAsync(new { email, email_verified = true, name = "Ada Lovelace" });

        var first = (await server.SignInWithAsync(OpenIdParts.Google, sub, device)).RegisterFirst;

        Assert.NotNull(first);
        Assert.Equal(email, first.Email);
        Assert.True(first.EmailVerified);
        Assert.Equal("Ada Lovelace", first.PersonName);
        Assert.False(first.EmailInUse);
        Assert.True(first.ExpiresAt.ToDateTimeOffset() > server.Time.GetUtcNow());
        Assert.Equal(0, Snapshot.Rows(server.Database, "account"));
    }

    [Fact]
    public async Task Registered_with_Google_the_next_device_signs_in_with_it()
    {
        await using var server = await StartAsync();
        var sub = await parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });
        using var first = await server.RegisterWithAsync(OpenIdParts.Google, sub);
        using var second = new TestDevice(server.Time);

        var signedIn = (await server.SignInWithAsync(OpenIdParts.Google, sub, second)).SignedIn;

        Assert.Equal(first.Account!.AccountId, signedIn.Account.AccountId);
        second.Session = signedIn.Session;
        Assert.Equal(2, (await server.Accounts.ListDevicesAsync(new ListDevicesRequest(), second.Call)).Devices.Count);
        var identity = Assert.Single((await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), second.Call)).Identities);
        Assert.NotNull(identity.LastUsedAt);
    }

    [Fact]
    public async Task An_existing_account_is_never_opened_by_its_address_alone()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var stranger = new TestDevice(server.Time);
        var sub = await parts.PersonAsync(new { email = owner.Account!.Email, email_verified = true });

        var outcome = await server.SignInWithAsync(OpenIdParts.Google, sub, stranger);

        Assert.True(outcome.RegisterFirst.EmailInUse);
        await Refused.WithAsync(ErrorReason.EmailInUse, server.Accounts.CreateAccountAsync(stranger.RegistrationWith(outcome.RegisterFirst)));
        Assert.Empty((await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), owner.Call)).Identities);
        Assert.Equal(1, Snapshot.Rows(server.Database, "device"));
    }

    [Fact]
    public async Task Apple_answers_by_post_and_tells_the_name_to_the_app_only()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        // Apple writes flags as strings; a private relay address is an address like any other.
        var sub = await parts.PersonAsync(new { email = "abc123@privaterelay.appleid.com", email_verified = "true", is_private_email = "true" });
        var flow = await server.StartFlowAsync(OpenIdParts.Apple, redirect: OpenIdParts.AppleRedirect);
        Assert.Contains("response_mode=form_post", flow.Started.AuthorizationUrl, StringComparison.Ordinal);
        var credential = flow.With(await FederatedApp.AtProviderAsync(flow, sub));
        credential.PersonName = "Grace Hopper";

        var first = (await server.CompleteAsync(credential, device)).RegisterFirst;

        Assert.Equal(("abc123@privaterelay.appleid.com", true, "Grace Hopper"), (first.Email, first.EmailVerified, first.PersonName));
        var created = (await server.Accounts.CreateAccountAsync(device.RegistrationWith(first))).Created;
        Assert.Equal(AccountState.Active, created.Account.State);
    }

    [Fact]
    public async Task A_name_from_the_app_counts_for_Apple_only()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var sub = await parts.PersonAsync(new { });
        var flow = await server.StartFlowAsync(OpenIdParts.Google);
        var credential = flow.With(await FederatedApp.AtProviderAsync(flow, sub));
        credential.PersonName = "Somebody else";

        var first = (await server.CompleteAsync(credential, device)).RegisterFirst;

        Assert.Equal(("", false, ""), (first.Email, first.EmailVerified, first.PersonName));
    }

    [Fact]
    public async Task Facebook_does_not_verify_an_address_whatever_its_token_says()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var flow = await server.StartSdkFlowAsync(OpenIdParts.Facebook);
        var token = parts.Sign(OpenIdParts.Facebook, parts.Claims(OpenIdParts.Facebook, flow.Started.Nonce, "fb-1"));

        var first = (await server.CompleteAsync(flow.With(token), device)).RegisterFirst;

        Assert.Equal("fb-1@example.org", first.Email);
        Assert.False(first.EmailVerified);
    }

    [Fact]
    public async Task Another_provider_signs_with_ES256_and_takes_its_secret_in_a_header()
    {
        await using var server = await StartAsync();
        var sub = await parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });

        using var device = await server.RegisterWithAsync(OpenIdParts.Other, sub);

        Assert.Equal(AccountState.Active, device.Account!.State);
        Assert.Equal(SignInMethod.Openid, (await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), device.Call)).Identities[0].Method);
    }

    [Fact]
    public async Task The_same_subject_at_another_provider_is_another_person()
    {
        await using var server = await StartAsync();
        var sub = await parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });
        using var device = await server.RegisterWithAsync(OpenIdParts.Google, sub);
        using var other = new TestDevice(server.Time);

        Assert.NotNull((await server.SignInWithAsync(OpenIdParts.Other, sub, other)).RegisterFirst);
    }

    [Fact]
    public async Task The_address_may_change_at_the_provider_the_person_stays()
    {
        await using var server = await StartAsync();
        var sub = await parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });
        using var device = await server.RegisterWithAsync(OpenIdParts.Google, sub);
        var renamed = AccountSteps.NewEmail();
        await parts.TellAsync(sub, new { email = renamed, email_verified = true });

        var signedIn = (await server.SignInWithAsync(OpenIdParts.Google, sub, device)).SignedIn;

        Assert.Equal(device.Account!.AccountId, signedIn.Account.AccountId);
        Assert.Equal(device.Account.Email, signedIn.Account.Email);
        device.Session = signedIn.Session;
        Assert.Equal(renamed, (await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), device.Call)).Identities[0].Email);
    }

    [Fact]
    public async Task A_flow_is_completed_once()
    {
        await using var server = await StartAsync();
        var sub = await parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });
        using var device = await server.RegisterWithAsync(OpenIdParts.Google, sub);
        var flow = await server.StartFlowAsync(OpenIdParts.Google);
        var answer = await FederatedApp.AtProviderAsync(flow, sub);
        Assert.NotNull((await server.CompleteAsync(flow.With(answer), device)).SignedIn);

        await Refused.WithAsync(ErrorReason.TicketInvalid, () => server.CompleteAsync(flow.With(answer), device));

        // The code itself is worth nothing in another flow, nor a second time.
        var other = await server.StartFlowAsync(OpenIdParts.Google);
        var stolen = other.With(answer);
        stolen.Code.State = await StateOfAsync(other, sub);
        var before = Snapshot.Rows(server.Database, "session");
        await Refused.WithAsync(ErrorReason.IdentityRejected, () => server.CompleteAsync(stolen, device));
        Assert.Equal(before, Snapshot.Rows(server.Database, "session"));
    }

    [Fact]
    public async Task Of_64_completions_of_one_flow_one_wins()
    {
        await using var server = await StartAsync();
        var sub = await parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });
        using var owner = await server.RegisterWithAsync(OpenIdParts.Google, sub);
        var flow = await server.StartFlowAsync(OpenIdParts.Google);
        var credential = flow.With(await FederatedApp.AtProviderAsync(flow, sub));
        var calls = await parts.TokenCallsAsync(OpenIdParts.Google);

        var outcomes = await Race.Of64Async(async () =>
        {
            using var device = new TestDevice(server.Time);
            return await server.CompleteAsync(credential, device);
        });

        Assert.Single(outcomes, o => o == "OK");
        Assert.Equal(63, outcomes.Count(o => o == "TICKET_INVALID"));
        Assert.Equal(calls + 1, await parts.TokenCallsAsync(OpenIdParts.Google));
        Assert.Equal(2, Snapshot.Rows(server.Database, "device"));
    }

    [Fact]
    public async Task A_wrong_state_or_verifier_is_refused_before_the_provider_is_asked()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var sub = await parts.PersonAsync(new { });
        var calls = await parts.TokenCallsAsync(OpenIdParts.Google);
        foreach (var spoil in (Action<AuthorizationCode>[])[c => c.State = "x" + c.State[1..], c => c.State = c.State[..^1], c => c.CodeVerifier = c.CodeVerifier[..^1] + (c.CodeVerifier[^1] == 'A' ? 'B' : 'A')])
        {
            var flow = await server.StartFlowAsync(OpenIdParts.Google);
            var answer = await FederatedApp.AtProviderAsync(flow, sub);
            var credential = flow.With(answer);
            spoil(credential.Code);

            await Refused.WithAsync(ErrorReason.IdentityRejected, () => server.CompleteAsync(credential, device));

            // Used up: a second guess needs another flow.
            await Refused.WithAsync(ErrorReason.TicketInvalid, () => server.CompleteAsync(flow.With(answer), device));
        }

        Assert.Equal(calls, await parts.TokenCallsAsync(OpenIdParts.Google));
    }

    [Fact]
    public async Task A_made_up_code_is_refused_by_the_provider()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var flow = await server.StartFlowAsync(OpenIdParts.Google);
        var answer = new Dictionary<string, string>(StringComparer.Ordinal) { ["code"] = "made-up", ["state"] = await StateOfAsync(flow, await parts.PersonAsync(new { })) };

        await Refused.WithAsync(ErrorReason.IdentityRejected, () => server.CompleteAsync(flow.With(answer), device));

        Assert.Contains(server.Logs.Lines, l => l.Id == 6003 && l.Text.Contains("invalid_grant", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_flow_lapses_after_ten_minutes()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, parts.Configure);
        using var device = new TestDevice(time);
        var flow = await server.StartSdkFlowAsync(OpenIdParts.Google);
        Assert.Equal(time.GetUtcNow() + server.Limits.FederatedFlowLifetime, flow.Started.ExpiresAt.ToDateTimeOffset());
        time.Advance(server.Limits.FederatedFlowLifetime);

        await Refused.WithAsync(ErrorReason.TicketInvalid, () => server.CompleteAsync(flow.With("a.b.c"), device));
    }

    [Fact]
    public async Task Where_the_accounts_region_has_the_provider_closed_it_does_not_sign_in()
    {
        await using var server = await StartAsync();
        var sub = await parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });
        using var device = new TestDevice(server.Time);
        var first = (await server.SignInWithAsync(OpenIdParts.Other, sub, device)).RegisterFirst;
        var request = device.RegistrationWith(first);
        request.Region = "CH";
        await Refused.WithAsync(ErrorReason.MethodNotAvailable, server.Accounts.CreateAccountAsync(request));

        request.Region = "DE";
        Assert.NotNull((await server.Accounts.CreateAccountAsync(request)).Created);
        await server.RestartAsync(o => o with { Identity = parts.Configure(o).Identity with { Providers = new(parts.Configure(o).Identity.Providers) { [OpenIdParts.Other] = o.Identity.Providers[OpenIdParts.Other] with { ExcludedRegions = ["DE"] } } } });

        await Refused.WithAsync(ErrorReason.MethodNotAvailable, () => server.SignInWithAsync(OpenIdParts.Other, sub, device));
    }

    [Fact]
    public async Task The_credential_must_fit_the_flow_and_a_wrong_kind_does_not_use_it_up()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var sub = await parts.PersonAsync(new { });
        var byBrowser = await server.StartFlowAsync(OpenIdParts.Google);
        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, () => server.CompleteAsync(byBrowser.With(parts.Sign(OpenIdParts.Google, parts.Claims(OpenIdParts.Google, "n", sub))), device));
        Assert.Equal(["credential"], refused.FieldNames);

        Assert.NotNull((await server.CompleteAsync(byBrowser.With(await FederatedApp.AtProviderAsync(byBrowser, sub)), device)).RegisterFirst);
    }

    /// <summary>The state that the provider sends back in this flow.</summary>
    private static async Task<string> StateOfAsync(AppFlow flow, string sub) => (await FederatedApp.AtProviderAsync(flow, sub))["state"];
}
