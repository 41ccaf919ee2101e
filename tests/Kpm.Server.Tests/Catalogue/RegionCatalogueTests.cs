using System.Globalization;
using Kpm.Server.Catalogue;
using Kpm.Server.Rpc;

namespace Kpm.Server.Tests.Catalogue;

public sealed class RegionCatalogueTests
{
    private static readonly RegionCatalogue Catalogue = RegionCatalogue.Load();

    [Fact]
    public void It_holds_the_officially_assigned_regions_of_ISO_3166()
    {
        var codes = Catalogue.File.Regions.Select(r => r.Code).ToList();

        Assert.Equal(249, codes.Distinct().Count());
        Assert.All(codes, code => Assert.Matches("^[A-Z]{2}$", code));
        Assert.All((string[])["AQ", "AX", "BQ", "GB", "PS", "SS", "TW", "VA", "ZW"], code => Assert.Contains(code, codes));
        Assert.All((string[])["EU", "UK", "XK", "AN", "ZZ"], code => Assert.DoesNotContain(code, codes));
    }

    [Fact]
    public void Regions_have_names_languages_and_known_applications()
    {
        var applications = Catalogue.File.Applications.Select(a => a.Id).ToHashSet();
        Assert.All(Catalogue.File.Regions, region =>
        {
            Assert.NotEmpty(region.Name);
            Assert.NotEmpty(region.Languages);
            Assert.Equal(region.Languages.Distinct(), region.Languages);
            Assert.All(region.Languages, language => Assert.True(LanguageTag.IsWellFormed(language), $"{region.Code}: {language}"));
            Assert.Contains("en", region.Languages);
            Assert.NotEmpty(region.Applications);
            Assert.All(region.Applications, application => Assert.Contains(application, applications));
        });
    }

    [Theory]
    [InlineData("AT", "de")]
    [InlineData("BR", "pt")]
    [InlineData("CH", "de")]
    [InlineData("JP", "ja")]
    [InlineData("RU", "ru")]
    [InlineData("TW", "zh-Hant")]
    [InlineData("US", "en")]
    public void The_default_language_is_what_people_there_expect(string region, string language) => Assert.Equal(language, Catalogue.Find(region)!.Languages[0]);

    [Fact]
    public void Every_language_suggests_a_region_that_exists()
    {
        Assert.All(Catalogue.File.LanguageRegions, l => Assert.NotNull(Catalogue.Find(l.Value)));
        Assert.NotNull(Catalogue.Find(Catalogue.File.DefaultRegion));
    }

    [Fact]
    public void Names_agree_with_those_that_NET_knows()
    {
        // .NET's come from the same source (CLDR), another release of it: most must be equal, or the file is mixed up.
        var equal = Catalogue.File.Regions.Count(r => Known(r.Code) == r.Name);

        Assert.True(equal > 200, $"Only {equal} names agree.");
    }

    private static string? Known(string code)
    {
        try
        {
            return new RegionInfo(code).EnglishName;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
