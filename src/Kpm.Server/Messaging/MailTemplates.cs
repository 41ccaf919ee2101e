using System.Collections.Frozen;
using System.Net;
using System.Reflection;
using System.Text;
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
    private const string Folder = "mail/";

    private static readonly FrozenDictionary<string, Language> All = Load();
    private static readonly MailLayout TextLayout = new(MailFile.Sections(Read(Folder + "layout.txt")), "\n\n", v => v);
    private static readonly MailLayout HtmlLayout = new(MailFile.Sections(Read(Folder + "layout.html")), "\n", WebUtility.HtmlEncode);

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
            Fill(text, name =>
            {
                names.Add(name);
                return "";
            });
        }

        names.UnionWith(mail.Blocks.Where(b => b.Kind is MailBlockKind.Action or MailBlockKind.Lesser).SelectMany(b => b.Arguments));
        names.Remove("product");
        return names;
    }

    /// <summary>The words in the language, else in a shorter form of its tag, else in English.</summary>
    public MailText Render(string template, string language, IReadOnlyDictionary<string, string> values)
    {
        var chosen = Choose(language);
        var words = All[chosen].Words;
        var mail = All[chosen].Mails[template];
        string Value(string name) => ValueOf(words, values, name);
        var subject = Fill(mail.Subject, Value);
        var page = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["product"] = options.Product,
            ["language"] = chosen,
            ["subject"] = subject,
            ["greeting"] = words["greeting"],
            ["footer"] = Fill(words["footer"], Value),
            ["colon"] = words["colon"],
            ["or_key"] = words["or_key"],
        };
        return new MailText(chosen, subject, TextLayout.Render(mail, page, values, Value), HtmlLayout.Render(mail, page, values, Value));
    }

    /// <summary>A text of one line, for SMS.</summary>
    public string RenderLine(string template, string language, IReadOnlyDictionary<string, string> values)
    {
        var chosen = Choose(language);
        return Fill(All[chosen].Mails[template].Subject, name => ValueOf(All[chosen].Words, values, name));
    }

    /// <summary>Puts values where placeholders stand.</summary>
    internal static string Fill(string template, Func<string, string> value)
    {
        var result = new StringBuilder(template.Length);
        var rest = template.AsSpan();
        while (rest.IndexOf("{{") is >= 0 and var open)
        {
            var close = rest.IndexOf("}}");
            result.Append(rest[..open]).Append(value(rest[(open + 2)..close].ToString()));
            rest = rest[(close + 2)..];
        }

        return result.Append(rest).ToString();
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

    private static FrozenDictionary<string, Language> Load()
    {
        const string prefix = Folder + "mails.";
        const string suffix = ".txt";
        return Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(n => n.StartsWith(prefix, StringComparison.Ordinal))
            .ToFrozenDictionary(n => n[prefix.Length..^suffix.Length], n => Parse(MailFile.Sections(Read(n))), StringComparer.Ordinal);
    }

    private static Language Parse(IReadOnlyDictionary<string, string> sections) => new(
        MailFile.Pairs(sections[WordsSection]),
        sections.Where(s => s.Key != WordsSection).ToFrozenDictionary(s => s.Key, s => MailFile.Mail(s.Value), StringComparer.Ordinal));

    private static string Read(string resource)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    private sealed record Language(IReadOnlyDictionary<string, string> Words, FrozenDictionary<string, MailWords> Mails);
}
