using Kpm.Server.Federation;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class GetSignInOptionsTests
{
    /// <summary>Nobody calls these providers here; only their names and regions matter.</summary>
    private static ServerOptions WithProviders(ServerOptions options) => options with
    {
        Identity = new IdentityOptions
        {
            Providers = new Dictionary<string, ProviderOptions>(StringComparer.Ordinal)
            {
                ["google"] = new() { Kind = ProviderKind.Google, ClientId = "server", Audiences = ["android", "ios"] },
                ["facebook"] = new() { Kind = ProviderKind.Facebook, ClientId = "fb" },
                ["work"] = new() { Kind = ProviderKind.OpenId, Name = "Example GmbH", Issuer = "https://login.example.org", ClientId = "kpm", ExcludedRegions = ["CH"] },
            },
        },
    };

    [Theory]
    [InlineData("AT", new[] { "work", "facebook", "google" })]
    [InlineData("RU", new[] { "work", "google" })]
    [InlineData("CN", new[] { "work" })]
    [InlineData("CH", new[] { "facebook", "google" })]
    public async Task Each_region_is_shown_the_providers_that_are_open_there(string region, string[] providers)
    {
        await using var server = await TestServer.StartAsync(options: WithProviders);

        var options = await server.Accounts.GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = "de-AT", Region = region });

        Assert.Equal(providers, options.Providers.Select(p => p.ProviderId));
        Assert.Equal([SignInMethod.Password, .. options.Providers.Select(p => p.Method).Order()], options.Methods);
        Assert.All(options.Providers.Where(p => p.ProviderId == "google"), p => Assert.Equal(["server", "android", "ios"], p.ClientIds));
        Assert.All(options.Providers.Where(p => p.ProviderId == "work"), p => Assert.Equal("Example GmbH", p.Name));
    }

    [Theory]
    [InlineData("de-AT", "AT", "de")]
    [InlineData("de", "DE", "de")]
    [InlineData("zh-Hant-HK", "HK", "en")]
    [InlineData("zh-Hant", "TW", "en")]
    [InlineData("FR-ca", "CA", "fr")]
    [InlineData("tlh", "US", "en")]
    [InlineData("en-ZZ", "US", "en")]
    public async Task The_locale_preselects_region_and_language(string locale, string region, string language)
    {
        await using var server = await TestServer.StartAsync();

        var options = await server.Accounts.GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = locale });

        Assert.Equal(region, options.SelectedRegion);
        Assert.Equal(language, options.MarketingConsent.Language);
        Assert.Equal([SignInMethod.Password], options.Methods);
        Assert.Equal(249, options.Regions.Count);
        Assert.Equal((8, 128, true), (options.PasswordRules.MinLength, options.PasswordRules.MaxLength, options.PasswordRules.NotCommon));
    }

    [Fact]
    public async Task The_person_may_pick_another_region_of_the_catalogue()
    {
        await using var server = await TestServer.StartAsync();

        Assert.Equal("JP", (await server.Accounts.GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = "de-AT", Region = "JP" })).SelectedRegion);
        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = "de-AT", Region = "ZZ" }));
        Assert.Equal(["region"], refused.FieldNames);
    }
}
