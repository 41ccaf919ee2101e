using System.Text.RegularExpressions;
using Kpm.Server.Messaging;
using Kpm.Server.Pages;

namespace Kpm.Server.Tests.Pages;

/// <summary>Every page says in every language what it says in English.</summary>
public sealed partial class PageWordsTests
{
    public static TheoryData<string> Languages() => [.. PageWords.Languages];

    [Fact]
    public void Pages_speak_the_languages_of_the_mails_that_lead_to_them() => Assert.Equal(MailTemplates.Languages, PageWords.Languages);

    [Theory]
    [MemberData(nameof(Languages))]
    public void Every_text_is_there_with_the_same_placeholders(string language)
    {
        var english = Texts("en");
        var texts = Texts(language);

        Assert.Equal(english.Keys.Order(StringComparer.Ordinal), texts.Keys.Order(StringComparer.Ordinal));
        Assert.All(texts, t =>
        {
            Assert.NotEmpty(t.Value.Trim());
            Assert.Equal(Placeholders(english[t.Key]), Placeholders(t.Value));
        });
    }

    [Theory]
    [MemberData(nameof(Languages))]
    public void Nothing_was_left_in_English(string language)
    {
        var same = Texts(language).Where(t => language != "en" && t.Value == Texts("en")[t.Key]).Select(t => t.Key);

        // Units are written alike in many languages.
        Assert.Empty(same.Except(["words.seconds", "words.minutes"], StringComparer.Ordinal));
    }

    private static Dictionary<string, string> Texts(string language) => PageWords.Choose(language, null).Sections
        .SelectMany(s => s.Value.Select(w => (Name: $"{s.Key}.{w.Key}", w.Value)))
        .ToDictionary(w => w.Name, w => w.Value, StringComparer.Ordinal);

    private static IEnumerable<string> Placeholders(string text) => Placeholder().Matches(text).Select(m => m.Value).Order(StringComparer.Ordinal);

    [GeneratedRegex(@"\{\{\w+\}\}")]
    private static partial Regex Placeholder();
}
