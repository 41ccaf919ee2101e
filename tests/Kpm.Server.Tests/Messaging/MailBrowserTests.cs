using Kpm.Server.Messaging;
using Kpm.Server.Tests.Pages;
using Kpm.Server.Tests.Storage;

namespace Kpm.Server.Tests.Messaging;

/// <summary>Mails as a program that shows HTML shows them: on a phone and a desk, light and dark.</summary>
public sealed class MailBrowserTests(Browser browser) : IClassFixture<Browser>
{
    private static readonly Dictionary<string, string> Values = new(StringComparer.Ordinal)
    {
        ["email"] = "maximiliane.musterfrau-unverwechselbar@accounts.example.org",
        ["code"] = "481516",
        ["token"] = "kpm-activate-" + new string('w', 43),
        ["link"] = "https://accounts.example.org/activate?token=kpm-activate-" + new string('w', 43) + "&lang=en",
        ["discard_token"] = "kpm-discard-" + new string('w', 43),
        ["discard_link"] = "https://accounts.example.org/discard?token=kpm-discard-" + new string('w', 43) + "&lang=en",
        ["hours"] = "24",
        ["device"] = "Ottilie’s <very old> notebook & phone",
        ["application"] = "Kpm for desktop",
        ["time"] = "2026-11-22 14:05 UTC",
    };

    public static TheoryData<string, string, int, bool> Looks()
    {
        var data = new TheoryData<string, string, int, bool>();
        foreach (var language in MailTemplates.Languages)
        {
            data.Add(language, "activation", 360, false);
            data.Add(language, "new-device", 900, true);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Looks))]
    public async Task A_mail_is_whole_loads_nothing_and_fits_its_window(string language, string name, int width, bool dark)
    {
        using var folder = new TempFolder();
        var mail = new MailTemplates(new MailOptions()).Render(name, language, Values);
        var file = folder.File("mail.html");
        await File.WriteAllTextAsync(file, mail.Html, TestContext.Current.CancellationToken);

        var shown = await browser.VisitAsync(new Visit(new Uri(file).AbsoluteUri) { Width = width, Dark = dark, Screenshot = $"mail-{name}-{language}.png" });

        Assert.Equal(mail.Subject, shown.Title);
        Assert.Contains(name == "activation" ? Values["code"] : Values["device"], shown.Text, StringComparison.Ordinal);
        Assert.Equal(0, shown.Overflow);
        Assert.Empty(shown.Console);
        Assert.Single(shown.Requests);
    }
}
