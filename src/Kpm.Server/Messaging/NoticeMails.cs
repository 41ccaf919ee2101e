using System.Globalization;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Pages;

namespace Kpm.Server.Messaging;

/// <summary>Makes the mails that tell an account's owner something. They are put into the outbox by the unit that they are about.</summary>
internal sealed class NoticeMails(MailSeal seal, PublicUrls urls, TimeProvider time, Limits limits)
{
    /// <summary>A mail to the account's address in its language.</summary>
    /// <param name="account">The account.</param>
    /// <param name="template">The mail's name among the templates.</param>
    /// <param name="values">Its placeholders; may be secrets. The link is made here from the "token", for the mails that have one.</param>
    /// <param name="lifetime">After this its tokens are worthless, and it is dropped; the limit for notices where it has none.</param>
    public OutgoingMail Of(AccountRow account, string template, IReadOnlyDictionary<string, string> values, TimeSpan? lifetime = null) =>
        To(EmailAddress.Parse(account.Email).Mailbox, account.Language, template, values, lifetime);

    /// <summary>A mail about something that a device did, with the placeholders "device" and "time".</summary>
    public NoticeMail ByDevice(string template, DateTimeOffset at, params IReadOnlyList<(string Name, string Value)> more) => (account, device) =>
        Of(account, template, Values([("device", device?.Name ?? ""), ("time", Write(at)), .. more]));

    /// <summary>A mail about something that happened without a device, with the placeholder "time".</summary>
    public NoticeMail At(string template, DateTimeOffset at, params IReadOnlyList<(string Name, string Value)> more) => (account, _) =>
        Of(account, template, Values([("time", Write(at)), .. more]));

    public static IReadOnlyDictionary<string, string> Values(IReadOnlyList<(string Name, string Value)> values) =>
        values.ToDictionary(v => v.Name, v => v.Value, StringComparer.Ordinal);

    /// <summary>A mail to another mailbox than the account's, its domain in ASCII.</summary>
    public OutgoingMail To(string mailbox, string language, string template, IReadOnlyDictionary<string, string> values, TimeSpan? lifetime = null)
    {
        var mailId = Ids.New(time);
        var now = time.Now();
        var given = WithLink(template, language, values);
        MailTemplates.Require(template, given);
        var content = new MailContent { To = mailbox, Template = template, Language = language, Values = given };
        return new OutgoingMail { MailId = mailId, Sealed = seal.Seal(mailId, content), CreatedAt = now, ExpiresAt = now + (lifetime ?? limits.NoticeLifetime) };
    }

    private IReadOnlyDictionary<string, string> WithLink(string template, string language, IReadOnlyDictionary<string, string> values) =>
        PageOf(template) is { } page
            ? new Dictionary<string, string>(values, StringComparer.Ordinal) { ["link"] = urls.Link(page, values["token"], language) }
            : values;

    /// <summary>The page that a mail's token is for.</summary>
    private static string? PageOf(string template) => template switch
    {
        "password-reset" => PagePaths.ResetPassword,
        "email-change-former" or "email-change-new" => PagePaths.ConfirmEmail,
        "deletion-scheduled" => PagePaths.CancelDeletion,
        "two-step-reset-scheduled" or "region-change" => PagePaths.CancelSupport,
        _ => null,
    };

    /// <summary>A time as mails write it.</summary>
    public static string Write(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
