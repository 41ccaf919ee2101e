using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>What a password reset is made of: the throttle of an address, and the ticket with its mail.</summary>
internal sealed class PasswordResets(Tickets tickets, Sealer sealer, NoticeMails mails, RootKey root, TimeProvider time, Limits limits)
{
    public const string Use = "password-reset-address";

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly byte[] _key = root.Derive("password-reset");

    /// <summary>Keyed, so that the table tells nobody which addresses were asked for.</summary>
    public byte[] HashOf(EmailAddress address) => HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(address.Key));

    public byte[] Seal(byte[] addressHash, EmailAddress address) => sealer.Seal(Use, addressHash, Encoding.UTF8.GetBytes(address.Text));

    public EmailAddress Open(OpenResetRequest request) => EmailAddress.Parse(Encoding.UTF8.GetString(sealer.Open(Use, request.AddressHash, request.SealedAddress)));

    /// <summary>Whether another reset may be asked for at an address; a pure function of what is known of it.</summary>
    public ResetThrottle Next(ResetRequestRow? former)
    {
        var now = time.Now();
        if (former is null)
        {
            return new ResetThrottle.Allowed(new ResetRequestRow { AskedAt = now, DayStartedAt = now, AskedInDay = 1 });
        }

        var at = AgainAt(former);
        var dayIsOver = now >= former.DayStartedAt + Day;
        return now < at ? new ResetThrottle.TooSoon(at) : new ResetThrottle.Allowed(new ResetRequestRow
        {
            AskedAt = now,
            DayStartedAt = dayIsOver ? now : former.DayStartedAt,
            AskedInDay = dayIsOver ? 1 : former.AskedInDay + 1,
        });
    }

    /// <summary>When the next one can be asked for.</summary>
    public DateTimeOffset AgainAt(ResetRequestRow row)
    {
        var interval = row.AskedAt + limits.PasswordResetInterval;
        var nextDay = row.DayStartedAt + Day;
        return row.AskedInDay >= limits.PasswordResetsPerDay && nextDay > interval ? nextDay : interval;
    }

    public ResetMail MailTo(AccountRow account)
    {
        var ticket = tickets.New(TicketPurpose.PasswordReset, limits.PasswordResetLifetime, "", LifecycleJson.Default.String, account.AccountId);
        var mail = mails.Of(
            account,
            "password-reset",
            NoticeMails.Values([
                ("token", ticket.Text),
                ("hours", ((int)limits.PasswordResetLifetime.TotalHours).ToString(CultureInfo.InvariantCulture)),
            ]),
            limits.PasswordResetLifetime);
        return new ResetMail(ticket.Row, mail, new SecurityNote(SecurityEventKind.PasswordResetStarted, Actor.Anonymous));
    }
}

/// <summary>What the tickets of this folder stand for; most for nothing but their account.</summary>
[JsonSerializable(typeof(string))]
internal sealed partial class LifecycleJson : JsonSerializerContext;
