using System.Collections.Frozen;
using Kpm.Server.Rpc;

namespace Kpm.Server.Messaging;

/// <summary>A mail's words.</summary>
internal sealed record MailText(string Language, string Subject, string Text, string Html);

/// <summary>
/// The templates under <c>Templates/</c>: <c>mails.language.txt</c> has every mail of a language, <c>layout.txt</c> and
/// <c>layout.html</c> say how each part of a mail looks. A placeholder is <c>{{name}}</c>; its value is plain text and is escaped in HTML.
/// Where the language's words have an entry "name.value", that entry stands for the value.
/// </summary>
internal sealed class MailTemplates(MailOptions options)
{
    private const string DefaultLanguage = "en";
    private const string WordsSection = "words";

    private static readonly FrozenDictionary<string, Language> All = Load();
    private static readonly FrozenDictionary<string, IReadOnlySet<string>> Wanted =
        All[DefaultLanguage].Mails.Keys.ToFrozenDictionary(n => n, n => PlaceholdersOf(n, DefaultLanguage), StringComparer.Ordinal);

    private static readonly MailLayout TextLayout = new(TextSections.Parse(TextSections.Read("mail/layout.txt")), "\n\n", v => v);
    private static readonly MailLayout HtmlLayout = new(TextSections.Parse(TextSections.Read("mail/layout.html")), "\n", TextSections.EscapeHtml);

    /// <summary>The languages that mails are written in.</summary>
    public static IEnumerable<string> Languages => All.Keys.Order(StringComparer.Ordinal);

    /// <summary>The names of all mails.</summary>
    public static IEnumerable<string> Names(string language) => All[language].Mails.Keys;

    /// <summary>The values that a mail wants.</summary>
    public static IReadOnlySet<string> PlaceholdersOf(string template, string language)
    {
        var mail = All[language].Mails[template];
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var text in mail.Blocks.Select(b => b.Text).Append(mail.Subject))
        {
            TextSections.Fill(text, name =>
            {
                names.Add(name);
                return "";
            });
        }

        names.UnionWith(mail.Blocks.Where(b => b.Kind is MailBlockKind.Action or MailBlockKind.Lesser).SelectMany(b => b.Arguments));
        names.Remove("product");
        return names;
    }

    /// <summary>Throws where a mail would lack a value: that is a defect of the call that queues it, and must not show in the delivery only.</summary>
    public static void Require(string template, IReadOnlyDictionary<string, string> values)
    {
        if (Wanted[template].Except(values.Keys, StringComparer.Ordinal).FirstOrDefault() is { } missing)
        {
            throw new InvalidOperationException($"The mail {template} lacks the value \"{missing}\".");
        }
    }

    /// <summary>The words in the language, else in a shorter form of its tag, else in English.</summary>
    public MailText Render(string template, string language, IReadOnlyDictionary<string, string> values)
    {
        var chosen = Choose(language);
        var words = All[chosen].Words;
        var mail = All[chosen].Mails[template];
        string Value(string name) => ValueOf(words, values, name);
        var subject = TextSections.Fill(mail.Subject, Value);
        var page = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["product"] = options.Product,
            ["language"] = chosen,
            ["subject"] = subject,
            ["greeting"] = TextSections.Fill(words["greeting"], Value),
            ["footer"] = TextSections.Fill(words["footer"], Value),
            ["colon"] = words["colon"],
            ["or_key"] = words["or_key"],
        };
        return new MailText(chosen, subject, TextLayout.Render(mail, page, values, Value), HtmlLayout.Render(mail, page, values, Value));
    }

    /// <summary>A text of one line, for SMS.</summary>
    public string RenderLine(string template, string language, IReadOnlyDictionary<string, string> values)
    {
        var chosen = Choose(language);
        return TextSections.Fill(All[chosen].Mails[template].Subject, name => ValueOf(All[chosen].Words, values, name));
    }

    private string ValueOf(IReadOnlyDictionary<string, string> words, IReadOnlyDictionary<string, string> values, string name)
    {
        if (name == "product")
        {
            return options.Product;
        }

        var value = values.TryGetValue(name, out var given) ? given : throw new InvalidOperationException($"The mail lacks the value \"{name}\".");
        return words.TryGetValue($"{name}.{value}", out var word) ? word : value;
    }

    private static string Choose(string language) =>
        LanguageTag.Fallbacks(language).Select(t => t.ToLowerInvariant()).FirstOrDefault(All.ContainsKey) ?? DefaultLanguage;

    private static FrozenDictionary<string, Language> Load() =>
        TextSections.ReadLanguages("mail/mails").ToFrozenDictionary(f => f.Language, f => Parse(TextSections.Parse(f.Text)), StringComparer.Ordinal);

    private static Language Parse(IReadOnlyDictionary<string, string> sections) => new(
        TextSections.Pairs(sections[WordsSection]),
        sections.Where(s => s.Key != WordsSection).ToFrozenDictionary(s => s.Key, s => MailFile.Mail(s.Value), StringComparer.Ordinal));

    private sealed record Language(IReadOnlyDictionary<string, string> Words, FrozenDictionary<string, MailWords> Mails);
}
