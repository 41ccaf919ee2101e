using Kpm.Server.Catalogue;

namespace Kpm.Server.Tests.Catalogue;

public sealed class AppVersionTests
{
    [Theory]
    [InlineData("1.9", "1.10", true)]
    [InlineData("1.10", "1.9", false)]
    [InlineData("1", "1.0.0", false)]
    [InlineData("1.0.0", "1", false)]
    [InlineData("1.0", "1.0.1", true)]
    [InlineData("2.0.0-beta.1", "2", false)]
    [InlineData("2.0.0+build.7", "2.0.1", true)]
    [InlineData("0009", "10", true)]
    [InlineData("01.2", "1.2", false)]
    [InlineData("99999999999999999999999", "100000000000000000000000", true)]
    [InlineData("", "0", true)]
    [InlineData("dev", "0", true)]
    [InlineData("v1.0", "0.1", true)]
    [InlineData(".5", "0", true)]
    [InlineData("1..5", "1.0.1", true)]
    public void Dotted_numbers_are_compared_as_numbers(string version, string than, bool older) => Assert.Equal(older, AppVersion.IsOlder(version, than));

    [Fact]
    public void The_catalogue_demands_versions_that_can_be_compared() =>
        Assert.All(RegionCatalogue.Load().File.Applications, a => Assert.True(AppVersion.IsPlain(a.MinimumVersion), a.Id));
}
