using System.Text;
using Kpm.Server.Messaging;
using Kpm.Server.Tests.Hosting;

namespace Kpm.Server.Tests.Messaging;

public sealed class MailWriterTests
{
    private static readonly DateTimeOffset At = new(2026, 3, 1, 9, 5, 7, TimeSpan.FromHours(2));
    private static readonly MailTemplates Templates = new(new MailOptions());

    private static readonly Dictionary<string, string> Values = new()
    {
        ["email"] = "<b>&o'wner@example.org",
        ["code"] = "012345",
        ["token"] = "kpm-activate-" + new string('t', 43),
        ["discard_token"] = "kpm-discard-" + new string('d', 43),
        ["link"] = "https://accounts.example.org/activate?token=t&lang=en",
        ["discard_link"] = "https://accounts.example.org/discard?token=d&lang=en",
        ["hours"] = "24",
    };

    [Theory]
    [InlineData("en")]
    [InlineData("de")]
    [InlineData("fr")]
    [InlineData("ru")]
    [InlineData("es")]
    [InlineData("ja")]
    public void Every_language_reads_back_as_it_was_written(string language)
    {
        var text = Templates.Render("activation", language, Values);
        Assert.Equal(language, text.Language);

        var written = Write(text);
        var raw = Encoding.UTF8.GetString(written.Content);
        var mail = ReceivedMail.Parse(raw);

        Assert.Equal(text.Subject, mail.Subject);
        Assert.Equal(text.Text.TrimEnd(), mail.Text.ReplaceLineEndings("\n").TrimEnd());
        Assert.Equal(text.Html.TrimEnd(), mail.Html.ReplaceLineEndings("\n").TrimEnd());
        Assert.Equal("012345", mail.Code);
        Assert.Equal(Values["token"], mail.Token);
        Assert.DoesNotContain("{{", raw, StringComparison.Ordinal);
        Assert.True(written.Content.All(b => b < 128), "The mail is not pure ASCII.");
        Assert.All(raw.Split("\r\n"), line => Assert.True(line.Length <= 78 && !line.Contains('\n') && !line.Contains('\r'), line));
    }

    [Fact]
    public void Headers_are_those_of_RFC_5322()
    {
        var raw = Encoding.UTF8.GetString(Write(Templates.Render("activation", "en", Values)).Content);
        var headers = raw[..raw.IndexOf("\r\n\r\n", StringComparison.Ordinal)].Split("\r\n");

        Assert.Contains("From: Kpm <no-reply@kpm.example>", headers);
        Assert.Contains("To: <owner@example.org>", headers);
        Assert.Contains("Date: Sun, 01 Mar 2026 07:05:07 +0000", headers);
        Assert.Contains("MIME-Version: 1.0", headers);
        Assert.Single(headers, h => h.StartsWith("Message-ID: <", StringComparison.Ordinal));
        Assert.Equal(headers.Length, headers.Select(h => h.Split(':')[0]).Distinct().Count());
    }

    [Fact]
    public void Values_can_not_break_out_of_the_text()
    {
        var text = Templates.Render("activation", "en", Values);

        Assert.Contains("&lt;b&gt;&amp;o&#39;wner@example.org", text.Html, StringComparison.Ordinal);
        Assert.Contains("<b>&o'wner@example.org", text.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x@example.org>\r\nBcc: <y@example.org")]
    [InlineData("x@example.org\nSubject: other")]
    [InlineData("a b@example.org")]
    public void No_mailbox_can_begin_another_header(string to) =>
        Assert.Throws<InvalidOperationException>(() => new MailWriter(new MailOptions()).Write(Guid.CreateVersion7(), to, new MailText("en", "s", "t", "h"), At));

    [Theory]
    [InlineData("plain")]
    [InlineData("Grüße, wie immer: \"gut\" <gemeint>")]
    [InlineData("=?utf-8?B?eA==?=")]
    [InlineData("line\r\nBcc: y@example.org")]
    [InlineData("とても長い件名とても長い件名とても長い件名とても長い件名とても長い件名とても長い件名😀😀😀😀😀😀😀😀😀😀😀😀")]
    public void Any_subject_reads_back_as_it_was_written(string subject)
    {
        var raw = Encoding.UTF8.GetString(Write(new MailText("en", subject, "t", "h")).Content);

        Assert.Equal(subject, ReceivedMail.Parse(raw).Subject);
        Assert.DoesNotContain("\nBcc:", raw, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("en-GB", "en")]
    [InlineData("de-AT", "de")]
    [InlineData("zh-Hant", "en")]
    public void A_language_without_a_template_falls_back(string language, string chosen) =>
        Assert.Equal(chosen, Templates.Render("activation", language, Values).Language);

    private static WrittenMail Write(MailText text) => new MailWriter(new MailOptions()).Write(Guid.CreateVersion7(), "owner@example.org", text, At);
}
