using System.Text;

namespace Kpm.Client.Accounts;

/// <summary>What is wrong with a new main password.</summary>
public enum MainPasswordProblem
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It is empty, too long or not well-formed Unicode.</summary>
    Invalid,

    /// <summary>It would be guessed too soon: below 3 of 4 by zxcvbn.</summary>
    TooWeak,

    /// <summary>It equals the account password, which the server sees.</summary>
    SameAsAccountPassword,
}

/// <summary>Judges a new main password. It protects the vault even from the server, so its bar is higher than the account password's.</summary>
public static class PasswordStrength
{
    /// <summary>The least zxcvbn score, of 0 to 4.</summary>
    public const int LeastScore = 3;

    // zxcvbn's time grows with the square of the length; beyond this much a password is not weak any more for its tail.
    private const int MaxJudged = 100;

    /// <summary>Judges.</summary>
    /// <param name="mainPassword">The new main password.</param>
    /// <param name="accountPassword">The account password, where it is known.</param>
    /// <param name="userInputs">Words that are easy to guess for this person, such as the e-mail address.</param>
    /// <returns>The problem, and advice in English where there is some.</returns>
    public static (MainPasswordProblem Problem, string Advice) Judge(string mainPassword, string? accountPassword, params IEnumerable<string> userInputs)
    {
        ArgumentNullException.ThrowIfNull(mainPassword);
        try
        {
            Kpm1.MainPassword.Normalise(mainPassword);
        }
        catch (Kpm1.Kpm1Exception)
        {
            return (MainPasswordProblem.Invalid, "Use 1 to 1,024 bytes of well-formed text.");
        }

        var normalised = mainPassword.Normalize(NormalizationForm.FormKC);
        if (accountPassword is not null && string.Equals(normalised, accountPassword.Normalize(NormalizationForm.FormKC), StringComparison.Ordinal))
        {
            return (MainPasswordProblem.SameAsAccountPassword, "Choose another one: the server sees the account password.");
        }

        var judged = normalised.Length > MaxJudged ? normalised[..MaxJudged] : normalised;
        return Zxcvbn.Zxcvbn.MatchPassword(judged, userInputs).Score >= LeastScore
            ? (MainPasswordProblem.None, "")
            : (MainPasswordProblem.TooWeak, "It would be guessed too soon. Use several unrelated words, or more characters that follow no pattern.");
    }
}
