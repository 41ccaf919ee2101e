using Kpm.Server.Pages;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Pages;

/// <summary>Each page in Chromium, from the mailed link to what it does, without script.</summary>
public sealed class PageBrowserTests(Browser browser) : IClassFixture<Browser>
{
    [Theory]
    [InlineData("de", "Konto aktivieren", "Ihr Konto ist aktiv", 390)]
    [InlineData("ja", "アカウントの有効化", "アカウントが有効になりました", 1000)]
    public async Task The_mailed_link_activates_the_account_with_its_password(string language, string form, string done, int width)
    {
        await using var server = await TestServer.StartAsync();
        using var device = new TestDevice(server.Time);
        var request = device.CreateRequest(AccountSteps.NewEmail());
        (request.Region, request.Language) = language == "ja" ? ("JP", "ja") : ("AT", "de");
        device.Session = (await server.Accounts.CreateAccountAsync(request)).Created.Session;
        var link = (await server.Mails.WaitAsync(request.Email)).Link(PagePaths.Activate);
        var visit = new Visit(link) { Width = width, Language = "fr", Screenshot = $"activate-{language}.png" };
        var shown = await LookAsync(visit);
        Assert.Equal(form, shown.Heading);
        Assert.Equal(200, shown.Status);

        var wrong = await LookAsync(visit with { Fill = Password("Wrong-Password-1"), Submit = true, Screenshot = $"activate-wrong-{language}.png" });
        Assert.Equal(403, wrong.Status);
        Assert.Single(wrong.Problems);
        Assert.Equal(AccountState.Pending, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.State);
        var active = await LookAsync(visit with { Fill = Password(AccountSteps.Password), Submit = true, Screenshot = $"activated-{language}.png" });

        Assert.Equal((200, done), (active.Status, active.Heading));
        Assert.Equal(AccountState.Active, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.State);
        Assert.DoesNotContain("token=", active.Url, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Password(string value) => new() { ["password"] = value };

    /// <summary>Whatever the page, the browser has nothing to say about it and asks nothing else of anybody.</summary>
    private async Task<Shown> LookAsync(Visit visit)
    {
        var shown = await browser.VisitAsync(visit);
        // A refusal has a status that the browser mentions; "verbose" is advice.
        Assert.DoesNotContain(shown.Console, m => !m.Contains("status of 4", StringComparison.Ordinal) && !m.StartsWith("verbose:", StringComparison.Ordinal));
        Assert.All(shown.Requests, r => Assert.EndsWith(new Uri(visit.Url).AbsolutePath, r.Split(' ')[1].Split('?')[0], StringComparison.Ordinal));
        return shown;
    }
}
