namespace Kpm.Server.Catalogue;

/// <summary>
/// Versions of applications as dotted numbers: what follows the leading numbers ("-beta", "+build") does not count, a missing
/// number is zero, and a version that begins with no number is older than any.
/// </summary>
internal static class AppVersion
{
    public static bool IsOlder(string version, string than) => Compare(Numbers(version), Numbers(than)) < 0;

    /// <summary>The version is nothing but dotted numbers: what the catalogue may demand.</summary>
    public static bool IsPlain(string version) => version.Length > 0 && version.Split('.').All(n => n.Length > 0 && n.All(char.IsAsciiDigit));

    private static int Compare(List<string>? left, List<string>? right)
    {
        if (left is null || right is null)
        {
            return (left is null ? 0 : 1) - (right is null ? 0 : 1);
        }

        for (var i = 0; i < Math.Max(left.Count, right.Count); i++)
        {
            // Numbers of any length: the longer one is greater once leading zeros are gone.
            var (a, b) = (i < left.Count ? left[i] : "", i < right.Count ? right[i] : "");
            var order = a.Length != b.Length ? a.Length - b.Length : string.CompareOrdinal(a, b);
            if (order != 0)
            {
                return order;
            }
        }

        return 0;
    }

    /// <summary>The leading numbers without leading zeros; null where there is none.</summary>
    private static List<string>? Numbers(string version)
    {
        List<string>? numbers = null;
        for (var at = 0; at < version.Length && char.IsAsciiDigit(version[at]);)
        {
            var end = at;
            while (end < version.Length && char.IsAsciiDigit(version[end]))
            {
                end++;
            }

            (numbers ??= []).Add(version[at..end].TrimStart('0'));
            if (end == version.Length || version[end] != '.')
            {
                break;
            }

            at = end + 1;
        }

        return numbers;
    }
}
