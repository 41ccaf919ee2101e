using System.Text.Json.Nodes;
using Kpm.Server.Federation;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Federation;

/// <summary>id_tokens through the public API: what the provider's SDK hands to an app, and what others would like to pass for it.</summary>
public sealed class IdTokensTests(OpenIdParts parts) : IClassFixture<OpenIdParts>
{
    private const string Google = OpenIdParts.Google;

    private static long Now => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>A token, what is wrong with it, and the fault that must be found: refused for another reason, it would prove nothing.</summary>
    private static readonly Dictionary<string, (IdTokenFault Fault, Func<OpenIdParts, string, string> Make)> Bad = new(StringComparer.Ordinal)
    {
        ["nothing"] = (IdTokenFault.Unreadable, (_, _) => "x"),
        ["three dots"] = (IdTokenFault.Unreadable, (_, _) => "a.b.c"),
        ["unsigned"] = (IdTokenFault.Algorithm, (p, n) => IdTokenForge.Unsigned(p.Claims(Google, n, "s"))),
        ["HS256 with the public key"] = (IdTokenFault.Algorithm, (p, n) => p.WithPublicKeyAsSecret(Google, p.Claims(Google, n, "s"))),
        ["an algorithm that is not listed"] = (IdTokenFault.Algorithm, (p, n) => IdTokenForge.Sign(p.KeyOf(Google), p.Claims(Google, n, "s"), "RS384", p.KeyOf(Google)["kid"]!.GetValue<string>())),
        ["a key of another provider"] = (IdTokenFault.Key, (p, n) => IdTokenForge.Sign(p.KeyOf(OpenIdParts.Other), p.Claims(Google, n, "s"), "RS256", p.KeyOf(OpenIdParts.Other)["kid"]!.GetValue<string>())),
        ["a key of another provider under a known id"] = (IdTokenFault.Signature, (p, n) => IdTokenForge.Sign(p.KeyOf(OpenIdParts.Other), p.Claims(Google, n, "s"), "RS256", p.KeyOf(Google)["kid"]!.GetValue<string>())),
        ["the id of a key for another algorithm"] = (IdTokenFault.Key, (p, n) => IdTokenForge.Sign(p.KeyOf(Google), p.Claims(Google, n, "s"), "RS256", p.KeyOf(Google, "ES256")["kid"]!.GetValue<string>())),
        ["a changed claim"] = (IdTokenFault.Signature, (p, n) => Swap(p.Sign(Google, p.Claims(Google, n, "s")), p.Sign(Google, p.Claims(Google, n, "t")))),
        ["another issuer"] = (IdTokenFault.Issuer, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").With("iss", p.IssuerOf(OpenIdParts.Other)))),
        ["an issuer with a slash"] = (IdTokenFault.Issuer, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").With("iss", p.IssuerOf(Google) + "/"))),
        ["no issuer"] = (IdTokenFault.Issuer, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").Without("iss"))),
        ["another audience"] = (IdTokenFault.Audience, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").With("aud", "another-app"))),
        ["no audience"] = (IdTokenFault.Audience, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").Without("aud"))),
        ["one audience too many"] = (IdTokenFault.Audience, (p, n) => p.Sign(Google, p.Claims(Google, n, "s")
            .With("aud", new JsonArray(OpenIdParts.ClientOf(Google), "another-app")).With("azp", OpenIdParts.ClientOf(Google)))),
        ["two audiences and no party"] = (IdTokenFault.Audience, (p, n) => p.Sign(Google, p.Claims(Google, n, "s")
            .With("aud", new JsonArray(OpenIdParts.ClientOf(Google), OpenIdParts.MobileClientOf(Google))))),
        ["another party"] = (IdTokenFault.Audience, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").With("azp", "another-app"))),
        ["expired"] = (IdTokenFault.Lifetime, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").With("exp", Now - 61))),
        ["without an end"] = (IdTokenFault.Lifetime, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").Without("exp"))),
        ["not valid yet"] = (IdTokenFault.Lifetime, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").With("nbf", Now + 300))),
        ["issued in the future"] = (IdTokenFault.IssuedAt, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").With("iat", Now + 300))),
        ["issued before the flow"] = (IdTokenFault.IssuedAt, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").With("iat", Now - 300))),
        ["without a time"] = (IdTokenFault.IssuedAt, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").Without("iat"))),
        ["another nonce"] = (IdTokenFault.Nonce, (p, n) => p.Sign(Google, p.Claims(Google, "x" + n[1..], "s"))),
        ["the beginning of the nonce"] = (IdTokenFault.Nonce, (p, n) => p.Sign(Google, p.Claims(Google, n[..^1], "s"))),
        ["no nonce"] = (IdTokenFault.Nonce, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").Without("nonce"))),
        ["no subject"] = (IdTokenFault.Subject, (p, n) => p.Sign(Google, p.Claims(Google, n, "s").Without("sub"))),
        ["an endless subject"] = (IdTokenFault.Subject, (p, n) => p.Sign(Google, p.Claims(Google, n, new string('s', 256)))),
        ["an access token"] = (IdTokenFault.Type, (p, n) => p.Sign(Google, p.Claims(Google, n, "s"), type: "at+jwt")),
        ["a logout token"] = (IdTokenFault.Type, (p, n) => p.Sign(Google, p.Claims(Google, n, "s"), type: "logout+jwt")),
        ["no key id and a stranger's key"] = (IdTokenFault.Signature, (p, n) => IdTokenForge.Sign(p.KeyOf(OpenIdParts.Other), p.Claims(Google, n, "s"), "RS256", kid: null)),
    };

    public static TheoryData<string> BadTokens() => [.. Bad.Keys];

    private Task<TestServer> StartAsync() => TestServer.StartAsync(options: parts.Configure);

    [Theory]
    [MemberData(nameof(BadTokens))]
    public async Task It_is_refused_for_what_is_wrong_with_it_and_the_flow_is_used_up(string what)
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var flow = await server.StartSdkFlowAsync(Google);
        var (fault, make) = Bad[what];

        await Refused.WithAsync(ErrorReason.IdentityRejected, () => server.CompleteAsync(flow.With(make(parts, flow.Started.Nonce)), device));

        Assert.Contains(server.Logs.Lines, l => l.Id == 6002 && l.Text.EndsWith($"{fault}.", StringComparison.Ordinal));
        Assert.Equal(0, Snapshot.Rows(server.Database, "ticket"));
        var good = parts.Sign(Google, parts.Claims(Google, flow.Started.Nonce, "s"));
        await Refused.WithAsync(ErrorReason.TicketInvalid, () => server.CompleteAsync(flow.With(good), device));
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("PS256")]
    [InlineData("ES256")]
    public async Task A_good_one_is_taken(string algorithm)
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var flow = await server.StartSdkFlowAsync(Google);
        Assert.Equal(("", 43), (flow.Started.AuthorizationUrl, flow.Started.Nonce.Length));

        var first = (await server.CompleteAsync(flow.With(parts.Sign(Google, parts.Claims(Google, flow.Started.Nonce, "s-" + algorithm), algorithm)), device)).RegisterFirst;

        Assert.Equal(($"s-{algorithm}@example.org", true), (first.Email, first.EmailVerified));
    }

    public static TheoryData<string> GoodTokens() => ["expired within the skew", "a bit in the future", "for the server, asked by the phone", "flag as text", "no type"];

    [Theory]
    [MemberData(nameof(GoodTokens))]
    public async Task What_is_within_the_rules_is_taken(string what)
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var flow = await server.StartSdkFlowAsync(Google);
        var claims = parts.Claims(Google, flow.Started.Nonce, "s");
        var token = what switch
        {
            "expired within the skew" => parts.Sign(Google, claims.With("exp", Now - 30)),
            "a bit in the future" => parts.Sign(Google, claims.With("iat", Now + 30).With("nbf", Now + 30)),
            "for the server, asked by the phone" => parts.Sign(Google, claims.With("aud", OpenIdParts.ClientOf(Google)).With("azp", OpenIdParts.MobileClientOf(Google))),
            "flag as text" => parts.Sign(Google, claims.With("email_verified", "true")),
            _ => parts.Sign(Google, claims, type: null),
        };

        Assert.True((await server.CompleteAsync(flow.With(token), device)).RegisterFirst.EmailVerified);
    }

    [Theory]
    [InlineData("\"false\"")]
    [InlineData("false")]
    [InlineData("1")]
    [InlineData("\"yes\"")]
    [InlineData("null")]
    public async Task Only_a_clear_yes_verifies_the_address(string flag)
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var flow = await server.StartSdkFlowAsync(Google);
        var token = parts.Sign(Google, parts.Claims(Google, flow.Started.Nonce, "s").With("email_verified", JsonNode.Parse(flag)));

        Assert.False((await server.CompleteAsync(flow.With(token), device)).RegisterFirst.EmailVerified);
    }

    [Fact]
    public async Task A_token_of_one_flow_is_worth_nothing_in_another()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var (flow, other) = (await server.StartSdkFlowAsync(Google), await server.StartSdkFlowAsync(Google));
        var token = parts.Sign(Google, parts.Claims(Google, flow.Started.Nonce, "s"));
        Assert.NotNull((await server.CompleteAsync(flow.With(token), device)).RegisterFirst);

        await Refused.WithAsync(ErrorReason.IdentityRejected, () => server.CompleteAsync(other.With(token), device));
    }

    [Fact]
    public async Task An_address_that_is_none_is_left_out()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var flow = await server.StartSdkFlowAsync(Google);
        var token = parts.Sign(Google, parts.Claims(Google, flow.Started.Nonce, "s").With("email", "not an address"));

        var first = (await server.CompleteAsync(flow.With(token), device)).RegisterFirst;

        Assert.Equal(("", false), (first.Email, first.EmailVerified));
    }

    [Fact]
    public async Task A_token_for_the_phone_does_not_serve_a_flow_of_the_browser()
    {
        // The code flow of this server is answered with the audience of this server; a code of the phone's client is refused by the provider itself.
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var sub = await parts.PersonAsync(new { });
        var flow = await server.StartFlowAsync(Google);
        var forPhone = flow.Started.AuthorizationUrl
            .Replace($"client_id={OpenIdParts.ClientOf(Google)}", $"client_id={OpenIdParts.MobileClientOf(Google)}", StringComparison.Ordinal)
            .Replace(Uri.EscapeDataString(FederatedApp.Loopback), Uri.EscapeDataString("http://127.0.0.1:49152/sdk"), StringComparison.Ordinal);
        var answer = await FederatedApp.BrowseAsync(forPhone, "http://127.0.0.1:49152/sdk", sub);

        await Refused.WithAsync(ErrorReason.IdentityRejected, () => server.CompleteAsync(flow.With(answer), device));
    }

    [Fact]
    public async Task No_log_holds_a_token_an_address_or_a_subject()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var email = AccountSteps.NewEmail();
        var sub = await parts.PersonAsync(new { email, email_verified = true });
        var flow = await server.StartFlowAsync(Google);
        var answer = await FederatedApp.AtProviderAsync(flow, sub);
        await server.CompleteAsync(flow.With(answer), device);
        var bad = await server.StartSdkFlowAsync(Google);
        var token = parts.Sign(Google, parts.Claims(Google, "another", sub).With("email", email));
        await Refused.WithAsync(ErrorReason.IdentityRejected, () => server.CompleteAsync(bad.With(token), device));

        Assert.All(
            (string[])[email, sub, answer["code"], answer["state"], flow.Started.FlowId, flow.Verifier, bad.Started.Nonce, token, token.Split('.')[1], "secret-of-google"],
            secret => Assert.DoesNotContain(secret, server.Logs.Text, StringComparison.Ordinal));
    }

    /// <summary>The claims of one with the signature of the other.</summary>
    private static string Swap(string signed, string claims) => $"{claims[..claims.LastIndexOf('.')]}{signed[signed.LastIndexOf('.')..]}";
}
