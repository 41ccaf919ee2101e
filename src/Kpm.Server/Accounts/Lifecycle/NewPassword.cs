using Google.Rpc;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>A new password that somebody has typed twice.</summary>
internal static class NewPassword
{
    /// <summary>Throws PASSWORD_REJECTED with every rule that it breaks.</summary>
    public static void Check(Passwords.PasswordRules rules, string password, string confirmation)
    {
        List<BadRequest.Types.FieldViolation> violations = [.. rules.Judge("new_password", password)];
        if (confirmation != password)
        {
            violations.Add(Errors.Violation("new_password_confirmation", "PASSWORD_CONFIRMATION_DIFFERS", "must equal the new password"));
        }

        if (violations.Count > 0)
        {
            throw Errors.Fields(ErrorReason.PasswordRejected, violations);
        }
    }
}
