using Kpm.Server.Messaging;

namespace Kpm.Server.Tests.Messaging;

/// <summary>Every mail in every language.</summary>
public sealed class MailTemplatesTests
{
    private static readonly MailTemplates Templates = new(new MailOptions { Product = "P & Q" });

    /// <summary>The mails and what they are given; the handlers that send them give exactly this.</summary>
    private static readonly Dictionary<string, string> Expected = new(StringComparer.Ordinal)
    {
        ["sms"] = "code minutes",
        ["activation"] = "email code token link discard_token discard_link hours",
        ["welcome"] = "provider",
        ["security-check"] = "code minutes",
        ["new-device"] = "device application time",
        ["token-reused"] = "device time",
        ["password-changed"] = "device time",
        ["password-reset"] = "token link hours",
        ["password-was-reset"] = "time hold_until",
        ["email-change-former"] = "token link new_email hours",
        ["email-change-new"] = "token link hours",
        ["email-changed"] = "time",
        ["deletion-scheduled"] = "date token link",
        ["deletion-cancelled"] = "time",
        ["deletion-done"] = "date receipt",
        ["factor-added"] = "factor device time",
        ["factor-removed"] = "factor device time",
        ["recovery-codes-generated"] = "device time",
        ["recovery-code-used"] = "remaining time",
        ["identity-linked"] = "provider device time",
        ["identity-unlinked"] = "provider device time",
        ["data-exported"] = "device time",
        ["two-step-reset-scheduled"] = "reason date token link",
        ["two-step-reset-done"] = "time",
        ["region-change"] = "former_region region reason until token link",
        ["region-change-undone"] = "region time",
        ["account-suspended"] = "reason time",
        ["account-reinstated"] = "time",
        ["support-case-cancelled"] = "time",
        ["signed-out-everywhere"] = "device time",
    };

    public static TheoryData<string, string> All()
    {
        var data = new TheoryData<string, string>();
        foreach (var language in MailTemplates.Languages)
        {
            foreach (var name in Expected.Keys)
            {
                data.Add(language, name);
            }
        }

        return data;
    }

    [Fact]
    public void Every_language_has_every_mail_and_no_other()
    {
        Assert.Equal(["de", "en", "es", "fr", "ja", "ru"], MailTemplates.Languages);
        Assert.All(MailTemplates.Languages, l => Assert.Equal(Expected.Keys.Order(StringComparer.Ordinal), MailTemplates.Names(l).Order(StringComparer.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void It_says_everything_that_it_is_given_in_both_forms(string language, string name)
    {
        var placeholders = Expected[name].Split(' ');
        Assert.Equal(placeholders.Order(StringComparer.Ordinal), MailTemplates.PlaceholdersOf(name, language).Order(StringComparer.Ordinal));
        var values = placeholders.ToDictionary(p => p, p => $"<{p}>\"&'");

        var mail = Templates.Render(name, language, values);

        Assert.Equal(language, mail.Language);
        Assert.NotEmpty(mail.Subject);
        Assert.DoesNotContain('\n', mail.Subject);
        Assert.DoesNotContain("{{", mail.Subject + mail.Text + mail.Html, StringComparison.Ordinal);
        foreach (var (placeholder, value) in values.Where(_ => name != "sms"))
        {
            // What else can be done with the key of a mail is told with its link alone.
            Assert.True(mail.Text.Contains(value, StringComparison.Ordinal) || mail.Subject.Contains(value, StringComparison.Ordinal) || placeholder == "discard_token", $"{placeholder} is missing in the text");
            Assert.True(mail.Html.Contains($"&lt;{placeholder}&gt;&quot;&amp;&#39;", StringComparison.Ordinal) || placeholder == "discard_token", $"{placeholder} is missing in the HTML");
            Assert.DoesNotContain(value, mail.Html, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Its_HTML_loads_nothing_and_runs_nothing(string language, string name)
    {
        var html = Templates.Render(name, language, Expected[name].Split(' ').ToDictionary(p => p, p => p)).Html;

        Assert.StartsWith("<!DOCTYPE html>\n<html lang=\"" + language + "\">", html, StringComparison.Ordinal);
        Assert.All((string[])["<script", "<img", "<link", "url(", "@import", "src=", "onload", "http:", "https:"], forbidden => Assert.DoesNotContain(forbidden, html, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void Without_pages_a_mail_carries_its_keys_and_no_links()
    {
        var values = Expected["activation"].Split(' ').ToDictionary(p => p, p => p.EndsWith("link", StringComparison.Ordinal) ? "" : $"the-{p}");

        var mail = Templates.Render("activation", "en", values);

        Assert.DoesNotContain("href", mail.Html, StringComparison.Ordinal);
        Assert.All((string[])["the-token", "the-discard_token", "the-code"], value =>
        {
            Assert.Contains(value, mail.Text, StringComparison.Ordinal);
            Assert.Contains(value, mail.Html, StringComparison.Ordinal);
        });
    }

    [Theory]
    [MemberData(nameof(Factors))]
    public void A_factor_is_named_in_the_language_of_the_mail(string language, string factor)
    {
        var values = new Dictionary<string, string> { ["factor"] = factor, ["device"] = "d", ["time"] = "t" };

        var mail = Templates.Render("factor-added", language, values);

        Assert.DoesNotContain($" {factor}\n", mail.Text, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Factors()
    {
        var data = new TheoryData<string, string>();
        foreach (var language in MailTemplates.Languages)
        {
            data.Add(language, "authenticator");
            data.Add(language, "sms");
        }

        return data;
    }

    [Fact]
    public void An_SMS_is_one_line()
    {
        foreach (var language in MailTemplates.Languages)
        {
            var line = Templates.RenderLine("sms", language, new Dictionary<string, string> { ["code"] = "012345", ["minutes"] = "5" });

            Assert.Contains("012345", line, StringComparison.Ordinal);
            Assert.Contains("P & Q", line, StringComparison.Ordinal);
            // One SMS holds 70 characters beyond the GSM alphabet; two are enough for every language.
            Assert.True(line.Length <= 134 && !line.Contains('\n'), line);
        }
    }

    [Theory]
    [InlineData("== a\nS\n\n== a\nS\n")]
    public void A_section_stands_once(string file) => Assert.Throws<InvalidOperationException>(() => TextSections.Parse(file));

    [Theory]
    [InlineData("S\n\n[action link] words")]
    [InlineData("S\n\n[code x] words")]
    [InlineData("S\n\n[fact] words")]
    public void A_block_has_the_arguments_of_its_kind(string section) => Assert.Throws<InvalidOperationException>(() => MailFile.Mail(section));
}
