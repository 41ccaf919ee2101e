using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class ListApplicationsTests
{
    [Fact]
    public async Task The_applications_of_the_region_come_page_by_page()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var region = (await server.Accounts.GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = "de-AT" })).Regions.Single(r => r.Code == "AT");

        var shown = new List<Application>();
        var page = new ListApplicationsResponse();
        do
        {
            page = await server.Accounts.ListApplicationsAsync(new ListApplicationsRequest { PageSize = 2, PageToken = page.NextPageToken }, device.Call);
            Assert.InRange(page.Applications.Count, 1, 2);
            shown.AddRange(page.Applications);
        }
        while (page.NextPageToken.Length > 0);

        Assert.Equal(region.ApplicationIds, shown.Select(a => a.ApplicationId));
        Assert.All(shown, a => Assert.NotEmpty(a.Name));
        Assert.All(shown, a => Assert.True(Kpm.Server.Catalogue.AppVersion.IsPlain(a.MinimumVersion)));
        Assert.Equal(shown, (await server.Accounts.ListApplicationsAsync(new ListApplicationsRequest(), device.Call)).Applications);
    }

    [Fact]
    public async Task An_app_that_is_too_old_is_told_so_when_it_registers_and_when_it_signs_in()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        using var old = new TestDevice(server.Time);
        var registration = old.CreateRequest(AccountSteps.NewEmail());
        registration.Device.ApplicationVersion = "0.0.9";
        var signIn = old.SignInRequest(device.Account!.Email);
        signIn.Device.ApplicationVersion = "unknown";

        await Refused.WithAsync(ErrorReason.UpgradeRequired, server.Accounts.CreateAccountAsync(registration));
        await Refused.WithAsync(ErrorReason.UpgradeRequired, server.Accounts.SignInAsync(signIn));

        signIn.Device.ApplicationVersion = "0.1";
        Assert.NotNull((await server.Accounts.SignInAsync(signIn)).SignedIn);
    }
}
