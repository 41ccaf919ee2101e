using System.Collections.Frozen;
using System.Reflection;

namespace Kpm.Server.Accounts.Passwords;

/// <summary>
/// The 30,000 most used passwords, from the dictionary that the zxcvbn package carries. A password is
/// common when it is one of them, also with its case changed, digits for letters (p4ssw0rd), or up to
/// four digits and symbols at either end: that is how the rules make people write "Password1!".
/// </summary>
internal sealed class CommonPasswords
{
    private const string Dictionary = "zxcvbn-core.Dictionaries.passwords.lst";
    private const int MostDecoration = 4;

    /// <summary>What is left of a decorated password must be a password itself, not a syllable.</summary>
    private const int LeastCore = 5;

    private readonly FrozenSet<string> _words = Load();

    public bool Contains(string password)
    {
        var lower = password.ToLowerInvariant();
        if (_words.Contains(lower) || _words.Contains(Letters(lower)))
        {
            return true;
        }

        var (start, end) = (0, lower.Length);
        while (start < MostDecoration && start < end && !char.IsLetter(lower[start]))
        {
            start++;
        }

        while (lower.Length - end < MostDecoration && end > start && !char.IsLetter(lower[end - 1]))
        {
            end--;
        }

        return HasCore(lower, start, end);
    }

    /// <summary>Any cut of the decoration counts: the core of "1q2w3e4r!!" ends in a digit of its own.</summary>
    private bool HasCore(string lower, int start, int end)
    {
        for (var from = 0; from <= start; from++)
        {
            for (var to = lower.Length; to >= end; to--)
            {
                if (to - from >= LeastCore && (_words.Contains(lower[from..to]) || _words.Contains(Letters(lower[from..to]))))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static string Letters(string text) => string.Create(text.Length, text, static (span, source) =>
    {
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = source[i] switch
            {
                '0' => 'o',
                '1' or '!' => 'i',
                '3' => 'e',
                '4' or '@' => 'a',
                '5' or '$' => 's',
                '7' => 't',
                var c => c,
            };
        }
    });

    private static FrozenSet<string> Load()
    {
        var assembly = Assembly.Load("zxcvbn-core");
        using var stream = assembly.GetManifestResourceStream(Dictionary)
            ?? throw new InvalidOperationException($"The resource {Dictionary} is missing from {assembly.FullName}.");
        using var reader = new StreamReader(stream);
        var words = new HashSet<string>(StringComparer.Ordinal);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0)
            {
                words.Add(line.Trim().ToLowerInvariant());
            }
        }

        return words.ToFrozenSet(StringComparer.Ordinal);
    }
}
