using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Messaging.Sms;
using Kpm.Server.Secrets;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>A code on its way: what is stored of it, and the message that carries it.</summary>
internal sealed record NewSmsCode(byte[] CodeHash, byte[] NumberHash, PhoneNumber Number, OutgoingSms Sms, DateTimeOffset SentAt, DateTimeOffset ExpiresAt);

/// <summary>How often a number was sent to.</summary>
internal sealed record NumberUse(DateTimeOffset DayStartedAt, int SentInDay, DateTimeOffset LastSentAt);

/// <summary>Makes codes and holds back senders: a number gets one message a minute and five a day, whoever asks.</summary>
internal sealed class SmsCodes(SmsSeal seal, RootKey root, TimeProvider time, Limits limits)
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly byte[] _codeKey = root.Derive("sms-code");
    private readonly byte[] _numberKey = root.Derive("sms-number");

    /// <param name="number">Whom to send to.</param>
    /// <param name="language">Of the message.</param>
    /// <param name="scope">What the code serves, a sign-in's or a set-up's ticket or a session: it is worth nothing elsewhere.</param>
    public NewSmsCode New(PhoneNumber number, string language, ReadOnlySpan<byte> scope)
    {
        var now = time.Now();
        var digits = limits.SmsCodeDigits;
        var code = RandomNumberGenerator.GetInt32((int)Math.Pow(10, digits)).ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');
        var smsId = Ids.New(time);
        var expiresAt = now + limits.SmsCodeLifetime;
        var content = new SmsContent { To = number.Text, Language = language, Code = code, Minutes = (int)limits.SmsCodeLifetime.TotalMinutes };
        return new NewSmsCode(
            HashOf(scope, code), HashOf(number), number, new OutgoingSms { SmsId = smsId, Sealed = seal.Seal(smsId, content), CreatedAt = now, ExpiresAt = expiresAt }, now, expiresAt);
    }

    /// <summary>Keyed, since six digits are soon tried out; bound to what the code serves.</summary>
    public byte[] HashOf(ReadOnlySpan<byte> scope, string code) => HMACSHA256.HashData(_codeKey, (byte[])[.. scope, .. Encoding.UTF8.GetBytes(code)]);

    /// <summary>Counts a number without storing it.</summary>
    public byte[] HashOf(PhoneNumber number) => HMACSHA256.HashData(_numberKey, Encoding.ASCII.GetBytes(number.Text));

    /// <summary>The number's use after one more message.</summary>
    public static NumberUse Next(NumberUse? former, DateTimeOffset now) =>
        former is null || now >= former.DayStartedAt + Day ? new NumberUse(now, 1, now) : former with { SentInDay = former.SentInDay + 1, LastSentAt = now };

    /// <summary>When the number may be sent to again.</summary>
    public DateTimeOffset AgainAt(NumberUse? use)
    {
        if (use is null)
        {
            return DateTimeOffset.MinValue;
        }

        var (interval, nextDay) = (use.LastSentAt + limits.SmsInterval, use.DayStartedAt + Day);
        return use.SentInDay >= limits.SmsPerNumberPerDay && nextDay > interval ? nextDay : interval;
    }
}
