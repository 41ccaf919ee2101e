using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Accounts;
using Kpm.Server.Messaging;
using Kpm.Server.Pages;
using Kpm.Server.Secrets;

namespace Kpm.Server.Verification;

/// <summary>Makes what activates an account: a link token, a token to discard, a code, and the mail that carries them.</summary>
internal sealed class ActivationMails(MailSeal seal, RootKey root, PublicUrls urls, TimeProvider time, Limits limits)
{
    /// <summary>The prefixes tell people, programs and secret scanners what a token is.</summary>
    public const string TokenPrefix = "kpm-activate-";
    public const string DiscardPrefix = "kpm-discard-";

    private const string Template = "activation";
    private const int Codes = 1_000_000;

    private readonly byte[] _codeKey = root.Derive("activation-code");

    /// <summary>The first mail of an account.</summary>
    public (NewActivation Row, OutgoingMail Mail) New(AccountRow account)
    {
        var token = SecretToken.New(TokenPrefix);
        var discard = SecretToken.New(DiscardPrefix);
        var code = RandomNumberGenerator.GetInt32(Codes).ToString("D6", CultureInfo.InvariantCulture);
        var now = time.Now();
        var row = new NewActivation
        {
            TokenHash = SecretToken.Hash(token),
            DiscardHash = SecretToken.Hash(discard),
            CodeHash = HashOfCode(account.AccountId, code),
            ExpiresAt = now + limits.ActivationLifetime,
            MailedAt = now,
        };
        var mailId = Ids.New(time);
        var content = new MailContent
        {
            To = EmailAddress.Parse(account.Email).Mailbox,
            Template = Template,
            Language = account.Language,
            Values = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["email"] = account.Email,
                ["code"] = code,
                ["token"] = token,
                ["link"] = urls.Link(PagePaths.Activate, token, account.Language),
                ["discard_token"] = discard,
                ["discard_link"] = urls.Link(PagePaths.Discard, discard, account.Language),
                ["hours"] = ((int)limits.ActivationLifetime.TotalHours).ToString(CultureInfo.InvariantCulture),
            },
        };
        return (row, new OutgoingMail { MailId = mailId, Sealed = seal.Seal(mailId, content), CreatedAt = now, ExpiresAt = row.ExpiresAt });
    }

    /// <summary>Another mail, where the throttle allows one.</summary>
    public Remail Again(ActivationRow row, AccountRow account)
    {
        var now = time.Now();
        var at = AgainAt(row);
        if (now < at)
        {
            return new Remail.TooSoon(at);
        }

        var (activation, mail) = New(account);
        var dayIsOver = now >= row.DayStartedAt + Day;
        return new Remail.Allowed(activation, mail, dayIsOver ? now : row.DayStartedAt, dayIsOver ? 1 : row.MailsInDay + 1);
    }

    /// <summary>When the next mail may go out.</summary>
    public DateTimeOffset AgainAt(ActivationRow row)
    {
        var interval = row.MailedAt + limits.ActivationResendInterval;
        var nextDay = row.DayStartedAt + Day;
        return row.MailsInDay >= limits.ActivationResendsPerDay && nextDay > interval ? nextDay : interval;
    }

    /// <summary>Keyed, since six digits are soon tried out; bound to the account.</summary>
    public byte[] HashOfCode(Guid accountId, string code) => HMACSHA256.HashData(_codeKey, (byte[])[.. accountId.ToBytes(), .. Encoding.UTF8.GetBytes(code)]);

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
}
