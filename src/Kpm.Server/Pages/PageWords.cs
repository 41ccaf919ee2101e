using System.Collections.Frozen;
using Kpm.Server.Rpc;

namespace Kpm.Server.Pages;

/// <summary>
/// The words of the pages, <c>Words/pages.language.txt</c>: a section for each page and one for what all share, each of lines <c>name = words</c>.
/// </summary>
internal sealed class PageWords
{
    private const string DefaultLanguage = "en";
    private const string Shared = "words";

    private static readonly FrozenDictionary<string, PageWords> All = TextSections.ReadLanguages("pages/pages")
        .ToFrozenDictionary(f => f.Language, f => new PageWords(f.Language, TextSections.Parse(f.Text)), StringComparer.Ordinal);

    private readonly FrozenDictionary<string, IReadOnlyDictionary<string, string>> _sections;

    private PageWords(string language, IReadOnlyDictionary<string, string> sections)
    {
        Language = language;
        _sections = sections.ToFrozenDictionary(s => s.Key, s => TextSections.Pairs(s.Value), StringComparer.Ordinal);
    }

    public static IEnumerable<string> Languages => All.Keys.Order(StringComparer.Ordinal);

    public string Language { get; }

    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Sections => _sections;

    /// <summary>The first language that there are words in: of the link, else of the browser, else English.</summary>
    public static PageWords Choose(string? wanted, string? acceptLanguage) =>
        Tags(wanted, acceptLanguage).SelectMany(LanguageTag.Fallbacks).Select(t => All.GetValueOrDefault(t.ToLowerInvariant())).FirstOrDefault(w => w is not null) ?? All[DefaultLanguage];

    public string Of(string page, string name) => _sections[page][name];

    /// <summary>Words that the pages share.</summary>
    public string Of(string name) => _sections[Shared][name];

    public bool Has(string name) => _sections[Shared].ContainsKey(name);

    /// <summary>Accept-Language with its weights (RFC 9110, 12.5.4), heaviest first; what is malformed is left out.</summary>
    private static IEnumerable<string> Tags(string? wanted, string? acceptLanguage)
    {
        if (wanted is not null && LanguageTag.IsWellFormed(wanted))
        {
            yield return wanted;
        }

        var accepted = (acceptLanguage ?? "").Split(',').Take(16).Select(part => part.Split(';'))
            .Select(part => (Tag: part[0].Trim(), Weight: WeightOf(part)))
            .Where(part => part.Weight > 0 && LanguageTag.IsWellFormed(part.Tag))
            .OrderByDescending(part => part.Weight);
        foreach (var (tag, _) in accepted)
        {
            yield return tag;
        }
    }

    private static double WeightOf(string[] part) =>
        part.Length == 1 ? 1
        : double.TryParse(part[1].Trim().TrimStart('q', 'Q', '='), System.Globalization.NumberStyles.AllowDecimalPoint, System.Globalization.CultureInfo.InvariantCulture, out var weight) ? weight
        : 0;
}
