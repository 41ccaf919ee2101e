using System.Security.Cryptography;
using System.Text;

namespace Kpm.Server.Pages;

/// <summary>What a page asks for.</summary>
/// <param name="Name">The name in the form.</param>
/// <param name="AutoComplete">Tells the browser's own password manager what it is.</param>
internal sealed record PageField(string Name, string AutoComplete);

/// <summary>Writes pages from the pieces of <c>Words/page.html</c>. Every value is escaped here.</summary>
internal sealed class PageLayout(Messaging.MailOptions options)
{
    private static readonly IReadOnlyDictionary<string, string> Pieces = TextSections.Parse(TextSections.Read("pages/page.html"));

    private static readonly string Style = "\n" + Pieces["style"] + "\n";

    /// <summary>
    /// Nothing may be loaded, run or framed; the one style sheet is allowed by its hash. A form goes to where it came from.
    /// </summary>
    public static string ContentSecurityPolicy { get; } =
        $"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)))}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

    /// <summary>The form goes to its own page, named relatively: a proxy may serve the pages below a path of its own.</summary>
    public string Form(PageWords words, string page, string token, IReadOnlyList<PageField> fields, IReadOnlyList<string> problems)
    {
        var inputs = new List<string>();
        if (token.Length > 0)
        {
            inputs.Add(Fill("hidden", ("name", "token"), ("value", token)));
        }
        else
        {
            inputs.Add(Fill("text", ("name", "token"), ("label", words.Of("key"))));
        }

        inputs.AddRange(fields.Select(f => Fill("password", ("name", f.Name), ("label", words.Of(f.Name)), ("autocomplete", f.AutoComplete))));
        var form = Raw("form", ("fields", string.Join('\n', inputs)), ("action", Escape(page)), ("language", Escape(words.Language)), ("button", Escape(words.Of(page, "button"))));
        return Page(words, words.Of(page, "title"), [Paragraph(words.Of(page, "text")), .. problems.Select(Problem), form]);
    }

    /// <summary>A page without a form.</summary>
    public string Message(PageWords words, string title, string? text, string? problem = null) =>
        Page(words, title, [.. text is null ? [] : (string[])[Paragraph(text)], .. problem is null ? [] : (string[])[Problem(problem)]]);

    private string Page(PageWords words, string title, IEnumerable<string> body) => Raw(
        "page",
        ("language", Escape(words.Language)),
        ("title", Escape(title)),
        ("product", Escape(options.Product)),
        ("style", Style),
        ("body", string.Join('\n', body)),
        ("footer", Escape(words.Of("footer")))) + "\n";

    private static string Paragraph(string text) => Fill("paragraph", ("text", text));

    private static string Problem(string text) => Fill("problem", ("text", text));

    private static string Fill(string piece, params (string Name, string Value)[] values) => Raw(piece, [.. values.Select(v => (v.Name, Escape(v.Value)))]);

    private static string Raw(string piece, params (string Name, string Value)[] values) =>
        TextSections.Fill(Pieces[piece], name => values.Single(v => v.Name == name).Value);

    private static string Escape(string text) => TextSections.EscapeHtml(text);
}
