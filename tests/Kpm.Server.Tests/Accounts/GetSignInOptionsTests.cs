using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class GetSignInOptionsTests
{
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
