using Google.Rpc;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>The one place that makes errors: <c>throw Errors.Of(ErrorReason.EmailInUse)</c>.</summary>
internal static class Errors
{
    public static KpmException Of(ErrorReason reason) => new(reason);

    /// <summary>An error whose ErrorInfo carries one more fact for programs.</summary>
    public static KpmException With(ErrorReason reason, string key, string value) => new(reason) { Details = [(key, value)] };

    /// <summary>The same with a time to try again.</summary>
    public static KpmException With(ErrorReason reason, string key, string value, TimeSpan delay) => new(reason) { Details = [(key, value)], RetryAfter = delay };

    /// <summary>QUOTA_EXCEEDED with the sizes, in bytes, that do not fit.</summary>
    public static KpmException QuotaExceeded(ulong size, ulong used, ulong max) => new(ErrorReason.QuotaExceeded)
    {
        Details = [("size", Number(size)), ("used", Number(used)), ("max", Number(max))],
    };

    public static KpmException RetryAfter(ErrorReason reason, TimeSpan delay, Exception? inner = null) =>
        new(reason, inner) { RetryAfter = delay < TimeSpan.Zero ? TimeSpan.Zero : delay };

    /// <summary>Throws KEYS_HELD where the session signed in after a password reset: a stolen mailbox must not be enough.</summary>
    public static void ThrowIfHeld(Caller caller, DateTimeOffset now)
    {
        if (caller.IsHeld(now))
        {
            throw Of(ErrorReason.KeysHeld);
        }
    }

    /// <summary>INVALID_REQUEST for one field.</summary>
    public static KpmException Field(string field, string reason, string description) => Fields(ErrorReason.InvalidRequest, [Violation(field, reason, description)]);

    public static KpmException Fields(ErrorReason reason, IReadOnlyList<BadRequest.Types.FieldViolation> fields) => new(reason) { Fields = fields };

    public static BadRequest.Types.FieldViolation Violation(string field, string reason, string description) =>
        new() { Field = field, Reason = reason, Description = description };

    private static string Number(ulong value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
