using System.Globalization;
using System.Text;

namespace Kpm.Server.Accounts;

/// <summary>
/// An e-mail address by the rules of docs/accounts.md: as the person wrote it (in NFC), as it is
/// compared, and as mail is sent to it.
/// </summary>
internal sealed record EmailAddress
{
    private const int MaxLocalBytes = 64;
    private const int MaxAddressBytes = 254;
    private const string Symbols = "!#$%&'*+-/=?^_`{|}~";

    /// <summary>What people type for the dot of a domain in East Asian scripts (RFC 3490, section 3.1).</summary>
    private const string Dots = "\u3002\uff0e\uff61";

    /// <summary>Punctuation that labels may hold in its context (RFC 5892, appendix A): in Catalan, Greek, Hebrew and Japanese.</summary>
    private const string DomainPunctuation = "\u00b7\u0375\u05f3\u05f4\u30fb";

    private static readonly IdnMapping Idn = new() { UseStd3AsciiRules = true };

    private EmailAddress(string text, string local, string asciiDomain)
    {
        Text = text;
        Mailbox = local + "@" + asciiDomain;
        Key = local.ToLowerInvariant().Normalize(NormalizationForm.FormC) + "@" + asciiDomain;
    }

    /// <summary>As the person wrote it, in NFC.</summary>
    public string Text { get; }

    /// <summary>The address on the envelope: the domain in its ASCII form.</summary>
    public string Mailbox { get; }

    /// <summary>For somebody who may know that an address is there and not which: "a•••@e••••••.org".</summary>
    public string Masked
    {
        get
        {
            var at = Text.IndexOf('@', StringComparison.Ordinal);
            var labels = Text[(at + 1)..].Split('.');
            return First(Text) + "•••@" + string.Join('.', [.. labels[..^1].Select(l => First(l) + new string('•', l.Length - First(l).Length)), labels[^1]]);

            static string First(string text) => text.EnumerateRunes().First().ToString();
        }
    }

    /// <summary>Two addresses with the same key are the same address.</summary>
    public string Key { get; }

    /// <summary>The address of a value that the constraints have let through.</summary>
    public static EmailAddress Parse(string value) =>
        TryParse(value, out var address) ? address : throw new ArgumentException("Not an e-mail address.", nameof(value));

    public static bool TryParse(string value, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out EmailAddress? address)
    {
        address = null;
        if (value.Length > MaxAddressBytes || !IsUnicode(value))
        {
            return false;
        }

        var text = value.Normalize(NormalizationForm.FormC);
        var at = text.IndexOf('@', StringComparison.Ordinal);
        if (at < 1 || !IsLocal(text[..at]) || AsciiDomain(text[(at + 1)..]) is not { } domain)
        {
            return false;
        }

        var candidate = new EmailAddress(text, text[..at], domain);
        if (Encoding.UTF8.GetByteCount(candidate.Mailbox) > MaxAddressBytes)
        {
            return false;
        }

        address = candidate;
        return true;
    }

    /// <summary>Dot-separated atoms of RFC 5322, and letters, marks and digits of any script as in RFC 6531; no quoted strings.</summary>
    private static bool IsLocal(string local)
    {
        if (Encoding.UTF8.GetByteCount(local) > MaxLocalBytes || local.StartsWith('.') || local.EndsWith('.') || local.Contains("..", StringComparison.Ordinal))
        {
            return false;
        }

        foreach (var rune in local.EnumerateRunes())
        {
            var fits = rune.IsAscii
                ? char.IsAsciiLetterOrDigit((char)rune.Value) || rune.Value == '.' || Symbols.Contains((char)rune.Value, StringComparison.Ordinal)
                : IsLetterMarkOrDigit(rune);
            if (!fits)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Of any script: nothing invisible, nothing that turns the direction of writing, no lookalike of punctuation.</summary>
    private static bool IsLetterMarkOrDigit(Rune rune) => !IsInvisible(rune.Value)
        && Rune.GetUnicodeCategory(rune) is UnicodeCategory.LowercaseLetter or UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
            or UnicodeCategory.DecimalDigitNumber;

    /// <summary>The letters and marks that Unicode shows nothing for (Default_Ignorable_Code_Point): joiners, fillers, variation selectors.</summary>
    private static bool IsInvisible(int rune) => rune is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or (>= 0x180B and <= 0x180F) or 0x3164 or (>= 0xFE00 and <= 0xFE0F) or 0xFFA0
        or (>= 0xE0000 and <= 0xE0FFF);

    /// <summary>What a domain may be written with; IDNA would drop invisible characters and leave them in the text that people see.</summary>
    private static bool IsDomainCharacter(Rune rune) =>
        rune.IsAscii || IsLetterMarkOrDigit(rune) || (rune.IsBmp && (Dots + DomainPunctuation).Contains((char)rune.Value, StringComparison.Ordinal));

    /// <summary>The domain's lower-case ASCII form (IDNA), or null: at least two labels, the last not all digits, no address literal.</summary>
    private static string? AsciiDomain(string domain)
    {
        if (domain.Length == 0 || domain.EndsWith('.') || domain.Contains('@', StringComparison.Ordinal) || !domain.EnumerateRunes().All(IsDomainCharacter))
        {
            return null;
        }

        string ascii;
        try
        {
            ascii = Idn.GetAscii(domain).ToLowerInvariant();
        }
        catch (ArgumentException)
        {
            return null;
        }

        var labels = ascii.Split('.');
        return labels.Length >= 2 && labels.All(IsLabel) && !labels[^1].All(char.IsAsciiDigit) ? ascii : null;
    }

    private static bool IsLabel(string label) =>
        label.Length is >= 1 and <= 63 && label[0] != '-' && label[^1] != '-' && label.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');

    /// <summary>No lone surrogates: they have no normal form.</summary>
    private static bool IsUnicode(string value)
    {
        for (var i = 0; i < value.Length; i++)
        {
            if (char.IsSurrogate(value[i]))
            {
                if (!char.IsSurrogatePair(value, i))
                {
                    return false;
                }

                i++;
            }
        }

        return true;
    }
}
