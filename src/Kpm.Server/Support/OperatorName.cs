using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Kpm.Server.Support;

/// <summary>
/// What an operator is called: 1 to 40 letters, digits, spaces, dots, hyphens and underscores. It stands in mails' and
/// events' details as "operator=NAME", so what separates those can't be in it.
/// </summary>
internal sealed record OperatorName
{
    private const int MaxCharacters = 40;

    private OperatorName(string text) => Text = text;

    /// <summary>In NFC.</summary>
    public string Text { get; }

    /// <summary>Two names with the same key are the same name.</summary>
    public string Key => Text.ToLowerInvariant().Normalize(NormalizationForm.FormC);

    public static bool TryParse(string value, [NotNullWhen(true)] out OperatorName? name)
    {
        name = null;
        // A lone surrogate has no normal form.
        if (value.EnumerateRunes().Contains(Rune.ReplacementChar))
        {
            return false;
        }

        var text = value.Normalize(NormalizationForm.FormC);
        if (text.Trim() != text || text.StartsWith('-') || text.EnumerateRunes().Count() is < 1 or > MaxCharacters || !text.EnumerateRunes().All(IsAllowed))
        {
            return false;
        }

        name = new OperatorName(text);
        return true;
    }

    private static bool IsAllowed(Rune rune) => rune.Value is ' ' or '.' or '-' or '_' || Rune.IsLetterOrDigit(rune)
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
}
