using System.Globalization;
using System.Text;
using Google.Rpc;
using Kpm.Server.Rpc;
using Contract = Kpm.V1.PasswordRules;

namespace Kpm.Server.Accounts.Passwords;

/// <summary>What an account password must satisfy, counted after NFKC. Every broken rule is told at once.</summary>
internal sealed class PasswordRules(Limits limits, CommonPasswords common)
{
    public Contract ForClients() => new()
    {
        MinLength = limits.PasswordMinLength,
        MaxLength = limits.PasswordMaxLength,
        Digit = true,
        LowerCaseLetter = true,
        UpperCaseLetter = true,
        NoWhiteSpace = true,
        NotCommon = true,
    };

    public IEnumerable<BadRequest.Types.FieldViolation> Judge(string field, string password)
    {
        var normal = Normalise(password);
        var length = 0;
        bool digit = false, lower = false, upper = false, space = false;
        foreach (var rune in normal.EnumerateRunes())
        {
            length++;
            space |= Rune.IsWhiteSpace(rune);
            switch (Rune.GetUnicodeCategory(rune))
            {
                case UnicodeCategory.DecimalDigitNumber:
                    digit = true;
                    break;
                case UnicodeCategory.LowercaseLetter:
                    lower = true;
                    break;
                case UnicodeCategory.UppercaseLetter:
                    upper = true;
                    break;
            }
        }

        return Broken(length, digit, lower, upper, space, common.Contains(normal)).Select(b => Errors.Violation(field, b.Reason, b.Text));
    }

    /// <summary>The form that is counted and hashed; a lone surrogate, which has none, stands as U+FFFD.</summary>
    public static string Normalise(string password)
    {
        var text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(password));
        return text.Normalize(NormalizationForm.FormKC);
    }

    private IEnumerable<(string Reason, string Text)> Broken(int length, bool digit, bool lower, bool upper, bool space, bool isCommon)
    {
        if (length < limits.PasswordMinLength)
        {
            yield return ("PASSWORD_TOO_SHORT", $"must have at least {limits.PasswordMinLength} characters");
        }

        if (length > limits.PasswordMaxLength)
        {
            yield return ("PASSWORD_TOO_LONG", $"must have at most {limits.PasswordMaxLength} characters");
        }

        if (!digit)
        {
            yield return ("PASSWORD_NEEDS_DIGIT", "must hold a digit");
        }

        if (!lower)
        {
            yield return ("PASSWORD_NEEDS_LOWER_CASE", "must hold a lower-case letter");
        }

        if (!upper)
        {
            yield return ("PASSWORD_NEEDS_UPPER_CASE", "must hold an upper-case letter");
        }

        if (space)
        {
            yield return ("PASSWORD_HAS_WHITE_SPACE", "must not hold white space");
        }

        if (isCommon)
        {
            yield return ("PASSWORD_TOO_COMMON", "must not be a commonly used password");
        }
    }
}
