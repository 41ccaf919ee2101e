using System.Diagnostics.CodeAnalysis;

namespace Kpm.Server.Messaging.Sms;

/// <summary>A telephone number in E.164 form: "+", a country code that does not begin with 0, at most 15 digits in all.</summary>
internal sealed record PhoneNumber
{
    /// <summary>The shortest numbers in use have a country code and five digits; with fewer it is no subscriber's.</summary>
    private const int FewestDigits = 7;
    private const int MostDigits = 15;
    private const int ShownDigits = 2;

    private PhoneNumber(string text) => Text = text;

    /// <summary>The number with its "+".</summary>
    public string Text { get; }

    /// <summary>All but the last two digits hidden: enough to know one's own number, too little to learn somebody else's.</summary>
    public string Masked => "+" + new string('•', Text.Length - 1 - ShownDigits) + Text[^ShownDigits..];

    public static bool TryParse(string value, [NotNullWhen(true)] out PhoneNumber? number)
    {
        number = value.Length is > FewestDigits and <= MostDigits + 1 && value[0] == '+' && value[1] is >= '1' and <= '9' && value.AsSpan(2).IndexOfAnyExceptInRange('0', '9') < 0
            ? new PhoneNumber(value)
            : null;
        return number is not null;
    }

    /// <summary>A number that was let through before.</summary>
    public static PhoneNumber Parse(string value) => TryParse(value, out var number) ? number : throw new ArgumentException("Not a telephone number.", nameof(value));

    /// <summary>The number must not come into a log by way of a record's text.</summary>
    public override string ToString() => Masked;
}
