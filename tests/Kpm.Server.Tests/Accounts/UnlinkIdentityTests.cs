using Kpm.Server.Tests.Federation;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class UnlinkIdentityTests(OpenIdParts parts) : IClassFixture<OpenIdParts>
{
    private Task<TestServer> StartAsync() => TestServer.StartAsync(options: parts.Configure);

    private Task<string> PersonAsync() => parts.PersonAsync(new { email = AccountSteps.NewEmail(), email_verified = true });

    private static UnlinkIdentityRequest Request(string identityId, Reauthentication? reauthentication = null) => new()
    {
        RequestId = Guid.CreateVersion7().ToString("D"),
        Reauthentication = reauthentication ?? new Reauthentication { Password = AccountSteps.Password },
        IdentityId = identityId,
    };

    private static Reauthentication By(string ticket) => new() { FederatedTicket = ticket };

    [Fact]
    public async Task An_unlinked_identity_no_longer_opens_the_account_and_the_owner_is_told()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var sub = await PersonAsync();
        var identity = await server.LinkAsync(OpenIdParts.Google, sub, owner);
        var request = Request(identity.IdentityId);

        Assert.NotNull(await server.Accounts.UnlinkIdentityAsync(request, owner.Call));

        Assert.Empty((await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), owner.Call)).Identities);
        using var stranger = new TestDevice(server.Time);
        Assert.NotNull((await server.SignInWithAsync(OpenIdParts.Google, sub, stranger)).RegisterFirst);
        Assert.Contains("Google", (await server.Mails.WaitAsync(owner.Account!.Email, 3)).Text, StringComparison.Ordinal);
        Assert.Contains(Events.Of(server, owner), e => e == (SecurityEventKind.IdentityUnlinked, Actor.Session, "provider=google"));
        // Repeated: the first result, although there is nothing left to unlink.
        Assert.NotNull(await server.Accounts.UnlinkIdentityAsync(request, owner.Call));
        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.UnlinkIdentityAsync(Request(identity.IdentityId), owner.Call));
    }

    [Fact]
    public async Task A_wrong_password_unlinks_nothing()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        var identity = await server.LinkAsync(OpenIdParts.Google, await PersonAsync(), owner);

        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.UnlinkIdentityAsync(Request(identity.IdentityId, new Reauthentication { Password = "Wrong-Password-1" }), owner.Call));

        Assert.Equal(1, Snapshot.Rows(server.Database, "identity"));
    }

    [Fact]
    public async Task Somebody_elses_identity_is_not_found()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var other = await server.CreateActiveAsync();
        var identity = await server.LinkAsync(OpenIdParts.Google, await PersonAsync(), owner);

        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.UnlinkIdentityAsync(Request(identity.IdentityId), other.Call));

        Assert.Equal(1, Snapshot.Rows(server.Database, "identity"));
    }

    [Fact]
    public async Task Never_the_last_way_in()
    {
        await using var server = await StartAsync();
        var sub = await PersonAsync();
        using var owner = await server.RegisterWithAsync(OpenIdParts.Google, sub);
        Assert.False(owner.Account!.HasPassword);
        var identity = (await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), owner.Call)).Identities[0];

        await Refused.WithAsync(ErrorReason.LastSignInMethod, async () =>
            await server.Accounts.UnlinkIdentityAsync(Request(identity.IdentityId, By(await server.AskAgainAsync(OpenIdParts.Google, sub, owner))), owner.Call));
        Assert.Equal(1, Snapshot.Rows(server.Database, "identity"));

        // With a second identity, the first one may go.
        var other = await PersonAsync();
        var flow = await server.StartFlowAsync(OpenIdParts.Other, FederatedPurpose.Link, owner);
        await server.Accounts.LinkIdentityAsync(
            FederatedApp.LinkRequest(flow.With(await FederatedApp.AtProviderAsync(flow, other)), By(await server.AskAgainAsync(OpenIdParts.Google, sub, owner))), owner.Call);
        await server.Accounts.UnlinkIdentityAsync(Request(identity.IdentityId, By(await server.AskAgainAsync(OpenIdParts.Other, other, owner))), owner.Call);
        Assert.Equal(OpenIdParts.Other, Assert.Single((await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), owner.Call)).Identities).ProviderId);
    }

    [Fact]
    public async Task An_identity_of_a_provider_that_is_closed_is_no_way_in()
    {
        await using var server = await StartAsync();
        var (sub, other) = (await PersonAsync(), await PersonAsync());
        using var owner = await server.RegisterWithAsync(OpenIdParts.Google, sub);
        var flow = await server.StartFlowAsync(OpenIdParts.Other, FederatedPurpose.Link, owner);
        await server.Accounts.LinkIdentityAsync(
            FederatedApp.LinkRequest(flow.With(await FederatedApp.AtProviderAsync(flow, other)), By(await server.AskAgainAsync(OpenIdParts.Google, sub, owner))), owner.Call);
        await server.RestartAsync(o => o with { Identity = o.Identity with { Providers = o.Identity.Providers.Where(p => p.Key != OpenIdParts.Other).ToDictionary() } });
        var identities = (await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), owner.Call)).Identities;
        Assert.Equal([SignInMethod.Google, SignInMethod.Unspecified], identities.Select(i => i.Method));

        await Refused.WithAsync(ErrorReason.LastSignInMethod, async () =>
            await server.Accounts.UnlinkIdentityAsync(Request(identities[0].IdentityId, By(await server.AskAgainAsync(OpenIdParts.Google, sub, owner))), owner.Call));
    }

    [Fact]
    public async Task Of_64_unlinks_of_the_last_two_identities_one_wins()
    {
        await using var server = await StartAsync();
        var (sub, other) = (await PersonAsync(), await PersonAsync());
        using var owner = await server.RegisterWithAsync(OpenIdParts.Google, sub);
        var flow = await server.StartFlowAsync(OpenIdParts.Other, FederatedPurpose.Link, owner);
        await server.Accounts.LinkIdentityAsync(
            FederatedApp.LinkRequest(flow.With(await FederatedApp.AtProviderAsync(flow, other)), By(await server.AskAgainAsync(OpenIdParts.Google, sub, owner))), owner.Call);
        var identities = (await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), owner.Call)).Identities.Select(i => i.IdentityId).ToList();
        var requests = new Queue<UnlinkIdentityRequest>();
        for (var i = 0; i < 64; i++)
        {
            var asked = await server.StartSdkFlowAsync(OpenIdParts.Google, FederatedPurpose.Reauthenticate, owner);
            var token = parts.Sign(OpenIdParts.Google, parts.Claims(OpenIdParts.Google, asked.Started.Nonce, sub));
            var ticket = (await server.Accounts.CompleteFederatedSignInAsync(new CompleteFederatedSignInRequest { Credential = asked.With(token) }, owner.Call)).Reauthenticated.Ticket;
            requests.Enqueue(Request(identities[i % 2], By(ticket)));
        }

        var outcomes = await Race.Of64Async(async () =>
        {
            UnlinkIdentityRequest mine;
            lock (requests)
            {
                mine = requests.Dequeue();
            }

            return await server.Accounts.UnlinkIdentityAsync(mine, owner.Call);
        });

        Assert.Single(outcomes, o => o == "OK");
        Assert.Equal(63, outcomes.Count(o => o is "LAST_SIGN_IN_METHOD" or "NOT_FOUND"));
        Assert.Equal(1, Snapshot.Rows(server.Database, "identity"));
    }
}
