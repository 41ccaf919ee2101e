using System.Web;
using Dapper;
using Kpm.Server.Tests.Federation;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class StartFederatedSignInTests(OpenIdParts parts) : IClassFixture<OpenIdParts>
{
    private const string Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    private Task<TestServer> StartAsync() => TestServer.StartAsync(options: parts.Configure);

    private static StartFederatedSignInRequest Request(string redirect = FederatedApp.Loopback, string provider = OpenIdParts.Google, string region = "AT", string challenge = Challenge) =>
        new() { ProviderId = provider, Purpose = FederatedPurpose.SignIn, Region = region, RedirectUri = redirect, CodeChallenge = challenge };

    [Fact]
    public async Task The_browser_is_sent_to_the_provider_with_everything_that_binds_the_answer()
    {
        await using var server = await StartAsync();

        var flow = await server.Accounts.StartFederatedSignInAsync(Request());

        var url = new Uri(flow.AuthorizationUrl);
        Assert.StartsWith(parts.IssuerOf(OpenIdParts.Google), flow.AuthorizationUrl, StringComparison.Ordinal);
        var query = HttpUtility.ParseQueryString(url.Query);
        Assert.Equal(("code", "kpm-google", FederatedApp.Loopback), (query["response_type"], query["client_id"], query["redirect_uri"]));
        Assert.Equal((Challenge, "S256"), (query["code_challenge"], query["code_challenge_method"]));
        Assert.Equal((43, 43), (query["state"]!.Length, query["nonce"]!.Length));
        Assert.NotEqual(query["state"], query["nonce"]);
        Assert.Null(query["prompt"]);
        Assert.Equal("", flow.Nonce);
        Assert.StartsWith("kpm-flow-", flow.FlowId, StringComparison.Ordinal);
        // Neither what binds the flow nor its name stands in the database in clear text.
        var stored = System.Text.Encoding.Latin1.GetString(server.Database.Read(c => c.QuerySingle<byte[]>("SELECT content FROM ticket")));
        Assert.All((string[])[flow.FlowId, query["state"]!, query["nonce"]!], secret => Assert.DoesNotContain(secret, stored, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("http://127.0.0.1:1/")]
    [InlineData("http://127.0.0.1:65535/a/b?c=d")]
    [InlineData("http://[::1]:49152/callback")]
    public async Task The_persons_own_machine_is_a_place_to_come_back_to(string redirect)
    {
        await using var server = await StartAsync();

        Assert.NotEqual("", (await server.Accounts.StartFederatedSignInAsync(Request(redirect))).AuthorizationUrl);
    }

    [Theory]
    [InlineData("https://evil.example/callback")]
    [InlineData("http://localhost:49152/callback")]
    [InlineData("http://127.0.0.1/callback")]
    [InlineData("http://127.0.0.1:49152@evil.example/callback")]
    [InlineData("http://127.0.0.1.evil.example:80/callback")]
    [InlineData("http://127.1:49152/callback")]
    [InlineData("http://0.0.0.0:49152/callback")]
    [InlineData("http://[::ffff:127.0.0.1]:49152/callback")]
    [InlineData("https://127.0.0.1:49152/callback")]
    [InlineData("http://127.0.0.1:49152/callback#fragment")]
    [InlineData("http:\\\\127.0.0.1:49152\\callback")]
    [InlineData("javascript:alert(1)")]
    [InlineData("callback")]
    public async Task Every_other_place_is_refused(string redirect)
    {
        await using var server = await StartAsync();

        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.StartFederatedSignInAsync(Request(redirect)));

        Assert.Equal(["redirect_uri"], refused.FieldNames);
        Assert.Equal(["NOT_ALLOWED"], refused.FieldReasons);
        Assert.Equal(0, Snapshot.Rows(server.Database, "ticket"));
    }

    [Fact]
    public async Task A_configured_address_is_compared_letter_by_letter_and_Apple_takes_no_other()
    {
        await using var server = await StartAsync();

        Assert.NotEqual("", (await server.Accounts.StartFederatedSignInAsync(Request(OpenIdParts.AppleRedirect, OpenIdParts.Apple))).AuthorizationUrl);
        foreach (var other in (string[])[OpenIdParts.AppleRedirect + "/", OpenIdParts.AppleRedirect + "?x=1", OpenIdParts.AppleRedirect.ToUpperInvariant(), FederatedApp.Loopback])
        {
            await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.StartFederatedSignInAsync(Request(other, OpenIdParts.Apple)));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw=cM")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw cM")]
    public async Task A_redirect_needs_a_challenge(string challenge)
    {
        await using var server = await StartAsync();

        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.StartFederatedSignInAsync(Request(challenge: challenge)));

        Assert.Equal(["code_challenge"], refused.FieldNames);
    }

    [Theory]
    [InlineData(OpenIdParts.Facebook, "RU")]
    [InlineData(OpenIdParts.Facebook, "CN")]
    [InlineData(OpenIdParts.Other, "CH")]
    [InlineData("unknown", "AT")]
    [InlineData("GOOGLE", "AT")]
    public async Task Where_a_provider_is_not_open_it_is_not_available(string provider, string region)
    {
        await using var server = await StartAsync();

        await Refused.WithAsync(ErrorReason.MethodNotAvailable, server.Accounts.StartFederatedSignInAsync(Request(provider: provider, region: region)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ZZ")]
    public async Task Signing_in_needs_a_region_of_the_catalogue(string region)
    {
        await using var server = await StartAsync();

        Assert.Equal(["region"], (await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.StartFederatedSignInAsync(Request(region: region)))).FieldNames);
    }

    [Theory]
    [InlineData(FederatedPurpose.Link)]
    [InlineData(FederatedPurpose.Reauthenticate)]
    public async Task Linking_and_asking_again_need_the_session_of_an_activated_account(FederatedPurpose purpose)
    {
        await using var server = await StartAsync();
        using var pending = await server.CreatePendingAsync();
        var request = Request();
        request.Purpose = purpose;

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.StartFederatedSignInAsync(request));
        await Refused.WithAsync(ErrorReason.ActivationRequired, server.Accounts.StartFederatedSignInAsync(request, pending.Call));
    }

    [Fact]
    public async Task With_a_session_the_accounts_region_decides_not_the_requests()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var create = device.CreateRequest(AccountSteps.NewEmail());
        (create.Region, create.Language) = ("RU", "ru");
        device.Session = (await server.Accounts.CreateAccountAsync(create)).Created.Session;
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = (await server.Mails.WaitAsync(create.Email)).Code }, device.Call);
        var request = Request(provider: OpenIdParts.Facebook, region: "AT");
        request.Purpose = FederatedPurpose.Link;

        await Refused.WithAsync(ErrorReason.MethodNotAvailable, server.Accounts.StartFederatedSignInAsync(request, device.Call));
    }

    [Fact]
    public async Task Asking_again_tells_the_provider_to_ask_the_person()
    {
        await using var server = await StartAsync();
        using var owner = await server.CreateActiveAsync();

        async Task<string> UrlAsync(string provider) => (await server.StartFlowAsync(provider, FederatedPurpose.Reauthenticate, owner)).Started.AuthorizationUrl;
        Assert.EndsWith("&prompt=login&max_age=0", await UrlAsync(OpenIdParts.Other), StringComparison.Ordinal);
        Assert.EndsWith("&prompt=select_account", await UrlAsync(OpenIdParts.Google), StringComparison.Ordinal);
        Assert.EndsWith("&auth_type=reauthenticate", await UrlAsync(OpenIdParts.Facebook), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_clients_network_starts_so_many_flows_within_ten_minutes_and_no_more()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => parts.Configure(o) with { Limits = o.Limits with { FederatedFlowsPerClient = 3 } });
        for (var i = 0; i < 3; i++)
        {
            await server.Accounts.StartFederatedSignInAsync(Request());
        }

        await Refused.WithAsync(ErrorReason.RateLimited, () => server.Accounts.StartFederatedSignInAsync(Request()).ResponseAsync);
        time.Advance(server.Limits.SecurityCheckWindow);

        Assert.NotEqual("", (await server.Accounts.StartFederatedSignInAsync(Request())).FlowId);
    }
}
