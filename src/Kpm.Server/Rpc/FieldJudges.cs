using Google.Protobuf;
using Kpm.Server.Accounts;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>The faults that need no numbers.</summary>
internal static class Faults
{
    public static readonly Fault Missing = new("REQUIRED", "must be set");
    public static readonly Fault UnknownValue = new("UNKNOWN_VALUE", "must be a value of the contract");
    public static readonly Fault ControlCharacter = new("CONTROL_CHARACTER", "must not hold control characters");
    public static readonly Fault Uuid = new("MALFORMED", "must be a UUID of 36 lower-case characters");
    public static readonly Fault Email = new("MALFORMED", "must be an e-mail address");
    public static readonly Fault Language = new("MALFORMED", "must be a BCP 47 language tag");
    public static readonly Fault P256PublicKey = new("MALFORMED", "must be an uncompressed point of the P-256 curve");
}

/// <summary>Judges a string field or element.</summary>
internal sealed class StringJudge(FieldConstraints limits)
{
    private readonly Fault _tooShort = new("TOO_SHORT", $"must have at least {limits.MinLength} characters");
    private readonly Fault _tooLong = new("TOO_LONG", $"must have at most {limits.MaxLength} characters");

    public Fault? Judge(string value)
    {
        if (value.Length == 0)
        {
            return limits.Required ? Faults.Missing : null;
        }

        // UTF-16 units bound code points from both sides, so most strings are not walked for their length.
        if (limits.MaxLength > 0 && value.Length > limits.MaxLength && (value.Length > 2L * limits.MaxLength || CodePoints(value) > limits.MaxLength))
        {
            return _tooLong;
        }

        if (value.Length < 2L * limits.MinLength && CodePoints(value) < limits.MinLength)
        {
            return _tooShort;
        }

        if (!limits.AnyCharacter && HasControlCharacter(value))
        {
            return Faults.ControlCharacter;
        }

        return limits.Uuid && !IsUuid(value) ? Faults.Uuid
            : limits.Email && !EmailAddress.TryParse(value, out _) ? Faults.Email
            : limits.Language && !LanguageTag.IsWellFormed(value) ? Faults.Language
            : null;
    }

    private static int CodePoints(string value)
    {
        var count = 0;
        foreach (var _ in value.EnumerateRunes())
        {
            count++;
        }

        return count;
    }

    private static bool HasControlCharacter(string value)
    {
        foreach (var c in value)
        {
            // C0, DEL and C1; U+2028 and U+2029 break lines as well.
            if (c < 0x20 || c is >= '\u007f' and <= '\u009f' or '\u2028' or '\u2029')
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsUuid(string value)
    {
        if (value.Length != 36)
        {
            return false;
        }

        for (var i = 0; i < 36; i++)
        {
            var fits = i is 8 or 13 or 18 or 23 ? value[i] == '-' : char.IsAsciiHexDigitLower(value[i]);
            if (!fits)
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>Judges a bytes field or element.</summary>
internal sealed class BytesJudge(FieldConstraints limits)
{
    private readonly Fault _tooShort = new("TOO_SHORT", $"must have at least {limits.MinLength} bytes");
    private readonly Fault _tooLong = new("TOO_LONG", $"must have at most {limits.MaxLength} bytes");

    public Fault? Judge(ByteString value) =>
        value.Length == 0 ? (limits.Required ? Faults.Missing : null)
        : limits.MaxLength > 0 && value.Length > limits.MaxLength ? _tooLong
        : value.Length < limits.MinLength ? _tooShort
        : limits.P256PublicKey && !P256.IsPublicKey(value.Span) ? Faults.P256PublicKey
        : null;
}
