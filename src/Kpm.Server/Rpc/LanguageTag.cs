namespace Kpm.Server.Rpc;

/// <summary>BCP 47 language tags (RFC 5646, section 2.1), without the grandfathered ones.</summary>
internal static class LanguageTag
{
    /// <summary>language ["-" script] ["-" region] *("-" variant) *("-" extension) ["-x-" private use], in any case.</summary>
    public static bool IsWellFormed(ReadOnlySpan<char> tag)
    {
        var stage = Stage.Language;
        var needsMore = false;
        foreach (var range in tag.Split('-'))
        {
            var part = tag[range];
            if (part.Length is < 1 or > 8 || !IsAlphanumeric(part) || !Next(part, ref stage, ref needsMore))
            {
                return false;
            }
        }

        return !needsMore;
    }

    /// <summary>The region subtag in upper case, or null.</summary>
    public static string? RegionOf(string tag)
    {
        foreach (var part in tag.Split('-').Skip(1))
        {
            if (part.Length == 1)
            {
                return null;
            }

            if (part.Length == 2 && char.IsAsciiLetter(part[0]))
            {
                return part.ToUpperInvariant();
            }
        }

        return null;
    }

    /// <summary>The tag and its ever shorter prefixes (RFC 4647 lookup): "zh-Hant-TW", "zh-Hant", "zh".</summary>
    public static IEnumerable<string> Fallbacks(string tag)
    {
        for (var end = tag.Length; end > 0; end = tag.LastIndexOf('-', end - 1))
        {
            yield return tag[..end];
        }
    }

    private static bool Next(ReadOnlySpan<char> part, ref Stage stage, ref bool needsMore)
    {
        if (stage is Stage.PrivateUse || (stage is Stage.Extension && part.Length > 1))
        {
            needsMore = false;
            return true;
        }

        if (stage is Stage.Language)
        {
            stage = Stage.Script;
            return part.Length is 2 or 3 && IsLetters(part);
        }

        if (part.Length == 1)
        {
            // A singleton opens an extension, x the private use; a singleton right after a singleton is empty.
            var wellPlaced = !needsMore;
            stage = part[0] is 'x' or 'X' ? Stage.PrivateUse : Stage.Extension;
            needsMore = true;
            return wellPlaced;
        }

        if (stage <= Stage.Script && part.Length == 4 && IsLetters(part))
        {
            stage = Stage.Region;
            return true;
        }

        if (stage <= Stage.Region && ((part.Length == 2 && IsLetters(part)) || (part.Length == 3 && IsDigits(part))))
        {
            stage = Stage.Variant;
            return true;
        }

        stage = Stage.Variant;
        return part.Length >= 5 || (part.Length == 4 && char.IsAsciiDigit(part[0]));
    }

    private static bool IsAlphanumeric(ReadOnlySpan<char> part) => All(part, char.IsAsciiLetterOrDigit);

    private static bool IsLetters(ReadOnlySpan<char> part) => All(part, char.IsAsciiLetter);

    private static bool IsDigits(ReadOnlySpan<char> part) => All(part, char.IsAsciiDigit);

    private static bool All(ReadOnlySpan<char> part, Func<char, bool> fits)
    {
        foreach (var c in part)
        {
            if (!fits(c))
            {
                return false;
            }
        }

        return true;
    }

    private enum Stage
    {
        Language,
        Script,
        Region,
        Variant,
        Extension,
        PrivateUse,
    }
}
