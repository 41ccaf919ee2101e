using Kpm.Server.Tests.Federation;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class LinkIdentityTests(OpenIdParts parts) : IClassFixture<OpenIdParts>
{
    private Task<TestServer> StartAsync() => TestServer.StartAsync(options: parts.Configure);

    private Task<string> PersonAsync() => parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });

    [Fact]
    public async Task A_linked_identity_signs_in_is_listed_and_the_owner_is_told()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var sub = await PersonAsync();

        var identity = await server.LinkAsync(OpenIdParts.Google, sub, owner);

        Assert.Equal((OpenIdParts.Google, SignInMethod.Google), (identity.ProviderId, identity.Method));
        Assert.Null(identity.LastUsedAt);
        Assert.Equal(identity, Assert.Single((await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), owner.Call)).Identities));
        var mail = await server.Mails.WaitAsync(owner.Account!.Email, 2);
        Assert.Contains("Google", mail.Text, StringComparison.Ordinal);
        Assert.Contains("Test device", mail.Text, StringComparison.Ordinal);
        Assert.Contains(Events.Of(server, owner), e => e == (SecurityEventKind.IdentityLinked, Actor.Session, "provider=google"));

        using var second = new TestDevice(server.Time);
        var signedIn = (await server.SignInWithAsync(OpenIdParts.Google, sub, second)).SignedIn;
        Assert.Equal(owner.Account.AccountId, signedIn.Account.AccountId);
        // The password goes on working.
        await server.SignInAsync(owner.Account.Email);
    }

    [Fact]
    public async Task Without_the_password_nothing_is_linked_and_the_flow_stays()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var flow = await server.StartFlowAsync(OpenIdParts.Google, FederatedPurpose.Link, owner);
        var credential = flow.With(await FederatedApp.AtProviderAsync(flow, await PersonAsync()));

        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.LinkIdentityAsync(
            FederatedApp.LinkRequest(credential, new Reauthentication { Password = "Wrong-Password-1" }), owner.Call));
        Assert.Equal(0, Snapshot.Rows(server.Database, "identity"));

        Assert.NotNull((await server.Accounts.LinkIdentityAsync(FederatedApp.LinkRequest(credential), owner.Call)).Identity);
    }

    [Fact]
    public async Task A_flow_belongs_to_the_session_that_started_it()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var second = await server.SignInAsync(owner.Account!.Email);
        using var stranger = await server.CreateActiveAsync();
        var flow = await server.StartFlowAsync(OpenIdParts.Google, FederatedPurpose.Link, owner);
        var credential = flow.With(await FederatedApp.AtProviderAsync(flow, await PersonAsync()));

        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.LinkIdentityAsync(FederatedApp.LinkRequest(credential), stranger.Call));
        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.LinkIdentityAsync(FederatedApp.LinkRequest(credential), second.Call));
        await Refused.WithAsync(ErrorReason.TicketInvalid, () => server.CompleteAsync(credential, second));

        // Nobody has used it up.
        Assert.NotNull((await server.Accounts.LinkIdentityAsync(FederatedApp.LinkRequest(credential), owner.Call)).Identity);
    }

    [Fact]
    public async Task A_flow_to_sign_in_does_not_link()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var flow = await server.StartFlowAsync(OpenIdParts.Google);
        var credential = flow.With(await FederatedApp.AtProviderAsync(flow, await PersonAsync()));

        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.LinkIdentityAsync(FederatedApp.LinkRequest(credential), owner.Call));

        Assert.Equal(0, Snapshot.Rows(server.Database, "identity"));
    }

    [Fact]
    public async Task An_identity_opens_one_account()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var other = await server.CreateActiveAsync();
        var sub = await PersonAsync();
        var linked = await server.LinkAsync(OpenIdParts.Google, sub, owner);

        await Refused.WithAsync(ErrorReason.IdentityInUse, () => server.LinkAsync(OpenIdParts.Google, sub, other));
        // Again to the same account: it is there.
        Assert.Equal(linked.IdentityId, (await server.LinkAsync(OpenIdParts.Google, sub, owner)).IdentityId);

        Assert.Equal(1, Snapshot.Rows(server.Database, "identity"));
        Assert.Equal(2, server.Mails.To(owner.Account!.Email).Count);
    }

    [Fact]
    public async Task Repeating_the_call_returns_the_first_result()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var flow = await server.StartFlowAsync(OpenIdParts.Google, FederatedPurpose.Link, owner);
        var request = FederatedApp.LinkRequest(flow.With(await FederatedApp.AtProviderAsync(flow, await PersonAsync())));

        var first = await server.Accounts.LinkIdentityAsync(request, owner.Call);
        Assert.Equal(first, await server.Accounts.LinkIdentityAsync(request, owner.Call));
        request.Credential.PersonName += "x";
        await Refused.WithAsync(ErrorReason.RequestIdReused, server.Accounts.LinkIdentityAsync(request, owner.Call));
    }

    [Fact]
    public async Task A_pending_account_links_nothing()
    {
        await using var server = await StartAsync();
        using var pending = await server.CreatePendingAsync();

        await Refused.WithAsync(ErrorReason.ActivationRequired, server.Accounts.LinkIdentityAsync(FederatedApp.LinkRequest(new FederatedCredential { FlowId = "kpm-flow-x", IdToken = "x" }), pending.Call));
    }

    [Fact]
    public async Task An_account_has_a_bounded_number_of_identities()
    {
        await using var server = await TestServer.StartAsync(options: o => parts.Configure(o) with { Limits = o.Limits with { IdentitiesPerAccount = 2 } });
        using var owner = await server.CreateActiveAsync();
        await server.LinkAsync(OpenIdParts.Google, await PersonAsync(), owner);
        await server.LinkAsync(OpenIdParts.Google, await PersonAsync(), owner);

        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, async () => await server.LinkAsync(OpenIdParts.Google, await PersonAsync(), owner));

        Assert.Equal(["TOO_MANY"], refused.FieldReasons);
    }

    [Fact]
    public async Task Of_64_links_of_one_identity_to_many_accounts_one_wins()
    {
        await using var server = await StartAsync();
        var sub = await PersonAsync();
        var owners = new List<TestDevice>();
        var requests = new Queue<(TestDevice Owner, LinkIdentityRequest Request)>();
        for (var i = 0; i < 4; i++)
        {
            var owner = await server.CreateActiveAsync();
            owners.Add(owner);
            for (var n = 0; n < 16; n++)
            {
                var flow = await server.StartSdkFlowAsync(OpenIdParts.Google, FederatedPurpose.Link, owner);
                requests.Enqueue((owner, FederatedApp.LinkRequest(flow.With(parts.Sign(OpenIdParts.Google, parts.Claims(OpenIdParts.Google, flow.Started.Nonce, sub))))));
            }
        }

        var outcomes = await Race.Of64Async(async () =>
        {
            (TestDevice Owner, LinkIdentityRequest Request) mine;
            lock (requests)
            {
                mine = requests.Dequeue();
            }

            return await server.Accounts.LinkIdentityAsync(mine.Request, mine.Owner.Call);
        });

        Assert.Equal(1, Snapshot.Rows(server.Database, "identity"));
        // One account has it; its own other links find it there, those of the three other accounts do not get it.
        Assert.Equal((16, 48), (outcomes.Count(o => o == "OK"), outcomes.Count(o => o == "IDENTITY_IN_USE")));
        owners.ForEach(o => o.Dispose());
    }
}
