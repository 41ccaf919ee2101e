using Kpm.Server.Federation;

namespace Kpm.Server.Tests.Federation;

public sealed class IdentityOptionsTests
{
    private static readonly ProviderOptions Good = new() { Kind = ProviderKind.OpenId, Name = "Example", Issuer = "https://login.example.org", ClientId = "kpm" };

    private static IdentityOptions With(ProviderOptions provider, string id = "work") => new() { Providers = new(StringComparer.Ordinal) { [id] = provider } };

    private static void Refuses(IdentityOptions options, string says)
    {
        var refusal = Assert.Throws<StartException>(options.Validate);
        Assert.Contains(says, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_whole_provider_is_taken()
    {
        With(Good).Validate();
        With(Good with { Issuer = "https://login.example.org/realms/staff", RedirectUris = ["https://a.example.org/x", "org.example.kpm:/signed-in"], ExcludedRegions = ["CH"] }).Validate();
        With(new ProviderOptions { Kind = ProviderKind.Google, ClientId = "x" }, "google").Validate();
    }

    [Fact]
    public void What_is_missing_or_wrong_is_said_in_a_sentence()
    {
        Refuses(With(Good, "Work"), "lower-case letters");
        Refuses(With(Good with { Kind = ProviderKind.Unspecified }), "work:Kind is missing");
        Refuses(With(Good with { ClientId = "" }), "work:ClientId is missing");
        Refuses(With(Good with { Name = "" }), "needs an Issuer and a Name");
        Refuses(With(Good with { Issuer = "" }), "needs an Issuer and a Name");
        Refuses(With(Good with { ClientSecretFile = "/does/not/exist" }), "does not exist");
        Refuses(With(Good with { RedirectUris = ["javascript:alert(1)"] }), "RedirectUris has");
        Refuses(With(Good with { RedirectUris = ["https://a.example.org/#x"] }), "RedirectUris has");
        Refuses(With(Good with { ExcludedRegions = ["ZZ"] }), "not a region of the catalogue");
        Refuses(With(new ProviderOptions { Kind = ProviderKind.Apple, ClientId = "x", TeamId = "T" }), "needs TeamId, KeyId and PrivateKeyFile");
    }

    [Theory]
    [InlineData("http://login.example.org")]
    [InlineData("http://127.0.0.1:8080")]
    [InlineData("https://user@login.example.org")]
    [InlineData("https://login.example.org?x=1")]
    [InlineData("https://login.example.org#x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("login.example.org")]
    public void An_issuer_is_https(string issuer) => Refuses(With(Good with { Issuer = issuer }), "must be an https address");

    [Fact]
    public void A_loopback_issuer_needs_an_explicit_word()
    {
        (With(Good with { Issuer = "http://127.0.0.1:8080" }) with { AllowLoopbackIssuers = true }).Validate();
        Refuses(With(Good with { Issuer = "http://10.0.0.1:8080" }) with { AllowLoopbackIssuers = true }, "must be an https address");
        Refuses(With(Good with { Issuer = "http://localhost:8080" }) with { AllowLoopbackIssuers = true }, "must be an https address");
    }

    [Fact]
    public void Each_kind_knows_its_own_addresses()
    {
        var google = OpenIdProvider.Of("g", new ProviderOptions { Kind = ProviderKind.Google, ClientId = "x" });
        Assert.Equal(["https://accounts.google.com", "accounts.google.com"], google.Issuers.Select(i => i.Issuer));
        Assert.Single(google.Issuers.Select(i => i.Document).Distinct(), "https://accounts.google.com/.well-known/openid-configuration");

        var apple = OpenIdProvider.Of("a", new ProviderOptions { Kind = ProviderKind.Apple, ClientId = "x" });
        Assert.Equal(("https://appleid.apple.com", false, true), (apple.Issuer, apple.LoopbackRedirects, apple.RequireAuthTime));

        var facebook = OpenIdProvider.Of("f", new ProviderOptions { Kind = ProviderKind.Facebook, ClientId = "x" });
        Assert.Equal(["https://www.facebook.com", "https://limited.facebook.com"], facebook.Issuers.Select(i => i.Issuer));
        Assert.Equal((false, "https://graph.facebook.com/oauth/access_token"), (facebook.EmailsVerified, facebook.TokenEndpoint));
    }
}
