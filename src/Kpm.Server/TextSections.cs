using System.Reflection;
using System.Text;

namespace Kpm.Server;

/// <summary>
/// Files of words and layouts: what stands before the first heading is a remark; a line <c>== name</c> begins a section, which lasts to
/// the next one. Blank lines around a section's content do not count. A placeholder is <c>{{name}}</c>.
/// </summary>
internal static class TextSections
{
    private const string Heading = "== ";

    public static IReadOnlyDictionary<string, string> Parse(string text)
    {
        var sections = new Dictionary<string, string>(StringComparer.Ordinal);
        string? name = null;
        var content = new List<string>();
        foreach (var line in text.ReplaceLineEndings("\n").Split('\n').Append(Heading))
        {
            if (!line.StartsWith(Heading, StringComparison.Ordinal))
            {
                content.Add(line);
                continue;
            }

            if (name is not null && !sections.TryAdd(name, string.Join('\n', content).Trim('\n')))
            {
                throw new InvalidOperationException($"The section \"{name}\" stands twice in its file.");
            }

            name = line[Heading.Length..].Trim();
            content.Clear();
        }

        return sections;
    }

    /// <summary>The lines <c>name = value</c> of a section.</summary>
    public static IReadOnlyDictionary<string, string> Pairs(string section) => section.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => line.Split(" = ", 2))
        .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);

    /// <summary>Puts values where placeholders stand.</summary>
    public static string Fill(string template, Func<string, string> value)
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

    /// <summary>Plain text for HTML, in elements and in quoted attributes. The files are UTF-8, so that letters stay letters.</summary>
    public static string EscapeHtml(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal)
        .Replace("\"", "&quot;", StringComparison.Ordinal)
        .Replace("'", "&#39;", StringComparison.Ordinal);

    /// <summary>An embedded file.</summary>
    public static string Read(string resource)
    {
        using var reader = new StreamReader(
            Assembly.GetExecutingAssembly().GetManifestResourceStream(resource) ?? throw new InvalidOperationException($"The resource {resource} is missing."),
            Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    /// <summary>Embedded files named "prefix.language.txt", by language.</summary>
    public static IEnumerable<(string Language, string Text)> ReadLanguages(string prefix)
    {
        const string suffix = ".txt";
        return Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(n => n.StartsWith(prefix + ".", StringComparison.Ordinal))
            .Select(n => (n[(prefix.Length + 1)..^suffix.Length], Read(n)));
    }
}
