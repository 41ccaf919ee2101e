using Kpm.Server.Tests.Federation;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class ListIdentitiesTests(OpenIdParts parts) : IClassFixture<OpenIdParts>
{
    [Fact]
    public async Task They_come_oldest_first_page_by_page_and_only_to_their_owner()
    {
        await using var server = await TestServer.StartAsync(options: parts.Configure);
        using var owner = await server.CreateActiveAsync();
        using var other = await server.CreateActiveAsync();
        var linked = new List<Identity>();
        foreach (var provider in (string[])[OpenIdParts.Google, OpenIdParts.Facebook, OpenIdParts.Other])
        {
            linked.Add(await server.LinkAsync(provider, await parts.PersonAsync(new { email = AccountSteps.NewEmail() }), owner));
        }

        var first = await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest { PageSize = 2 }, owner.Call);
        var second = await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest { PageSize = 2, PageToken = first.NextPageToken }, owner.Call);

        Assert.Equal(linked, [.. first.Identities, .. second.Identities]);
        Assert.Equal("", second.NextPageToken);
        Assert.Equal([SignInMethod.Google, SignInMethod.Facebook, SignInMethod.Openid], linked.Select(i => i.Method));
        Assert.Empty((await server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest(), other.Call)).Identities);
        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.ListIdentitiesAsync(new ListIdentitiesRequest { PageToken = first.NextPageToken }, other.Call));
        Assert.Equal(["page_token"], refused.FieldNames);
    }
}
