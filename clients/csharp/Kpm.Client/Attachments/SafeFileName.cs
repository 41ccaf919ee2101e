using System.Globalization;
using System.Text;

namespace Kpm.Client;

/// <summary>File names out of items: another device, or another program, may have written anything there.</summary>
public static class SafeFileName
{
    private const int MaxBytes = 200;
    private const string Fallback = "attachment";

    // Windows takes these for devices, with any extension.
    private static readonly HashSet<string> Devices = new(StringComparer.OrdinalIgnoreCase)
    {
        "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
        "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
    };

    /// <summary>A name that names a file of the folder it is put into, on every system, and shows as what it is.</summary>
    /// <param name="name">What the item says.</param>
    /// <returns>A name without folders, of at most 200 bytes.</returns>
    public static string Of(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var last = name.Split('/', '\\')[^1];
        var text = new StringBuilder();
        foreach (var rune in last.EnumerateRunes())
        {
            // Format characters can turn the order of what is shown: "gpj.exe" must not look like "exe.jpg".
            var category = Rune.GetUnicodeCategory(rune);
            if (category is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate))
            {
                text.Append(rune.Value is '<' or '>' or ':' or '"' or '|' or '?' or '*' or 0xFFFD ? "_" : rune.ToString());
            }
        }

        var clean = text.ToString().TrimEnd('.', ' ').TrimStart('.', '-', '~', ' ');
        if (clean.Length == 0)
        {
            return Fallback;
        }

        var extension = Path.GetExtension(clean);
        extension = Encoding.UTF8.GetByteCount(extension) > 20 ? "" : extension;
        var stem = clean[..(clean.Length - extension.Length)];
        while (Encoding.UTF8.GetByteCount(stem) + Encoding.UTF8.GetByteCount(extension) > MaxBytes)
        {
            stem = stem[..^(char.IsLowSurrogate(stem[^1]) && stem.Length > 1 ? 2 : 1)];
        }

        return Devices.Contains(stem.Split('.')[0].Trim()) ? $"_{stem}{extension}" : stem + extension;
    }
}
