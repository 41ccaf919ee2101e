using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>
/// Mails the former and the new address. Where an active account holds the new one, no mail goes there and the answer is the
/// same: whether an address has an account is nobody else's affair.
/// </summary>
internal sealed class StartEmailChange(
    IAccountStore accounts,
    IEmailChangeStore changes,
    ISessionStore sessions,
    Reauthenticator reauthenticator,
    Tickets tickets,
    NoticeMails mails,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time,
    Limits limits)
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    public async Task<StartEmailChangeResponse> HandleAsync(StartEmailChangeRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var key = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request);
        if (await sessions.FindResponseAsync(key, context.CancellationToken) is { } former)
        {
            return StartEmailChangeResponse.Parser.ParseFrom(former);
        }

        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        var address = EmailAddress.Parse(request.NewEmail);
        if (address.Key == account.EmailKey)
        {
            throw Errors.Field("new_email", "UNCHANGED", "must be another address than the account's");
        }

        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);
        var started = await changes.StartAsync(Start(caller, account, address, key), CancellationToken.None);
        if (started.TooSoonUntil is { } until)
        {
            throw Errors.RetryAfter(ErrorReason.RateLimited, until - time.Now());
        }

        mailSignal.Set();
        feed.Appended(account.AccountId);
        return StartEmailChangeResponse.Parser.ParseFrom(started.Response);
    }

    private EmailChangeStart Start(Caller caller, AccountRow account, EmailAddress address, RequestKey key)
    {
        var now = time.Now();
        var formerTicket = tickets.New(TicketPurpose.EmailChangeFormer, limits.EmailChangeLifetime, "", LifecycleJson.Default.String, account.AccountId);
        var newTicket = tickets.New(TicketPurpose.EmailChangeNew, limits.EmailChangeLifetime, "", LifecycleJson.Default.String, account.AccountId);
        var hours = ((int)limits.EmailChangeLifetime.TotalHours).ToString(CultureInfo.InvariantCulture);
        return new EmailChangeStart
        {
            AccountId = account.AccountId,
            NewAddress = address,
            FormerTicket = formerTicket.Row,
            NewTicket = newTicket.Row,
            FormerMail = mails.Of(account, "email-change-former", NoticeMails.Values([("token", formerTicket.Text), ("hours", hours), ("new_email", address.Text)]), limits.EmailChangeLifetime),
            NewMail = mails.To(address.Mailbox, account.Language, "email-change-new", NoticeMails.Values([("token", newTicket.Text), ("hours", hours)]), limits.EmailChangeLifetime),
            Now = now,
            Throttle = Throttle,
            Entry = new SecurityEntry(new SecurityNote(SecurityEventKind.EmailChangeStarted, Actor.Session, caller.DeviceId)),
            Request = key,
            Response = new StartEmailChangeResponse { ExpiresAt = Timestamp.FromDateTimeOffset(newTicket.Row.ExpiresAt) }.ToByteArray(),
        };
    }

    private EmailChangeThrottle Throttle(EmailChangeThrottleRow? former)
    {
        var now = time.Now();
        if (former is null || now >= former.DayStartedAt + Day)
        {
            return new EmailChangeThrottle(new EmailChangeThrottleRow(now, now, 1), TooSoon(former?.AskedAt + limits.EmailChangeInterval, now));
        }

        var at = former.AskedInDay >= limits.EmailChangesPerDay ? former.DayStartedAt + Day : former.AskedAt + limits.EmailChangeInterval;
        return new EmailChangeThrottle(new EmailChangeThrottleRow(now, former.DayStartedAt, former.AskedInDay + 1), TooSoon(at, now));
    }

    private static DateTimeOffset? TooSoon(DateTimeOffset? at, DateTimeOffset now) => now < at ? at : null;
}
