using System.Collections.Frozen;
using System.Net;
using System.Reflection;
using System.Text;
using Kpm.Server.Rpc;

namespace Kpm.Server.Messaging;

/// <summary>A mail's words.</summary>
internal sealed record MailText(string Language, string Subject, string Text, string Html);

/// <summary>
/// The templates under <c>Templates/</c>: <c>name.language.txt</c> with the subject as first line, and
/// <c>name.language.html</c>. A placeholder is <c>{{name}}</c>; in HTML its value is escaped.
/// </summary>
internal sealed class MailTemplates
{
    private const string DefaultLanguage = "en";

    private readonly FrozenDictionary<string, string> _files = Load();

    public IEnumerable<string> Names => _files.Keys;

    /// <summary>The words in the language, else in a shorter form of its tag, else in English.</summary>
    public MailText Render(string template, string language, IReadOnlyDictionary<string, string> values)
    {
        var chosen = LanguageTag.Fallbacks(language).Select(t => t.ToLowerInvariant()).FirstOrDefault(t => _files.ContainsKey($"{template}.{t}.txt")) ?? DefaultLanguage;
        var text = _files[$"{template}.{chosen}.txt"];
        var firstLine = text.IndexOf('\n', StringComparison.Ordinal);
        return new MailText(
            chosen,
            Fill(text[..firstLine], values, v => v),
            Fill(text[(firstLine + 1)..].TrimStart('\n'), values, v => v),
            Fill(_files[$"{template}.{chosen}.html"], values, WebUtility.HtmlEncode));
    }

    private static string Fill(string template, IReadOnlyDictionary<string, string> values, Func<string, string> escape)
    {
        var result = new StringBuilder(template.Length);
        var rest = template.AsSpan();
        while (rest.IndexOf("{{") is >= 0 and var open)
        {
            var close = rest.IndexOf("}}");
            var name = rest[(open + 2)..close].ToString();
            result.Append(rest[..open]).Append(escape(values[name]));
            rest = rest[(close + 2)..];
        }

        return result.Append(rest).ToString();
    }

    private static FrozenDictionary<string, string> Load()
    {
        const string folder = "mail/";
        var assembly = Assembly.GetExecutingAssembly();
        return assembly.GetManifestResourceNames().Where(n => n.StartsWith(folder, StringComparison.Ordinal)).ToFrozenDictionary(
            n => n[folder.Length..],
            n =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(n)!, Encoding.UTF8);
                return reader.ReadToEnd().ReplaceLineEndings("\n");
            },
            StringComparer.Ordinal);
    }
}
