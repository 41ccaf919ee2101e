using System.Globalization;
using Kpm.Server.Accounts;

namespace Kpm.Server.Messaging;

/// <summary>Makes the mails that tell an account's owner something. They are put into the outbox by the unit that they are about.</summary>
internal sealed class NoticeMails(MailSeal seal, TimeProvider time, Limits limits)
{
    /// <summary>A mail to the account's address in its language.</summary>
    /// <param name="account">The account.</param>
    /// <param name="template">The mail's name among the templates.</param>
    /// <param name="values">Its placeholders; may be secrets.</param>
    /// <param name="lifetime">After this its tokens are worthless, and it is dropped; the limit for notices where it has none.</param>
    public OutgoingMail Of(AccountRow account, string template, IReadOnlyDictionary<string, string> values, TimeSpan? lifetime = null) =>
        To(EmailAddress.Parse(account.Email).Mailbox, account.Language, template, values, lifetime);

    /// <summary>A mail to another mailbox than the account's, its domain in ASCII.</summary>
    public OutgoingMail To(string mailbox, string language, string template, IReadOnlyDictionary<string, string> values, TimeSpan? lifetime = null)
    {
        var mailId = Ids.New(time);
        var now = time.Now();
        var content = new MailContent { To = mailbox, Template = template, Language = language, Values = values };
        return new OutgoingMail { MailId = mailId, Sealed = seal.Seal(mailId, content), CreatedAt = now, ExpiresAt = now + (lifetime ?? limits.NoticeLifetime) };
    }

    /// <summary>A time as mails write it.</summary>
    public static string Write(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
