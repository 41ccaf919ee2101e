using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>Changes of address. Each writing method is one transaction.</summary>
internal interface IEmailChangeStore
{
    /// <summary>Begins a change, in place of one that is under way, where the throttle, a pure function, allows it; remembers the response.</summary>
    Task<EmailChangeStarted> StartAsync(EmailChangeStart start, CancellationToken cancellationToken);

    /// <summary>Uses a token up; the second one carries the change out. Null for a token that does not work; throws EMAIL_IN_USE, and nothing changed.</summary>
    Task<EmailChangeConfirmed?> ConfirmAsync(byte[] tokenHash, DateTimeOffset now, EmailChangeEntries entries, CancellationToken cancellationToken);
}

/// <summary>Everything that beginning a change writes.</summary>
internal sealed record EmailChangeStart
{
    public required Guid AccountId { get; init; }
    public required EmailAddress NewAddress { get; init; }
    public required TicketRow FormerTicket { get; init; }
    public required TicketRow NewTicket { get; init; }
    public required OutgoingMail FormerMail { get; init; }

    /// <summary>Not sent where an active account holds the address: its owner has nothing to do with this.</summary>
    public required OutgoingMail NewMail { get; init; }
    public required DateTimeOffset Now { get; init; }
    public required Func<EmailChangeThrottleRow?, EmailChangeThrottle> Throttle { get; init; }
    public required SecurityEntry Entry { get; init; }
    public required RequestKey Request { get; init; }
    public required byte[] Response { get; init; }
}

/// <summary>The response, new or remembered; or when it may be tried again.</summary>
internal sealed record EmailChangeStarted(byte[]? Response, DateTimeOffset? TooSoonUntil);

/// <summary>How often an account has asked.</summary>
internal sealed record EmailChangeThrottleRow(DateTimeOffset AskedAt, DateTimeOffset DayStartedAt, int AskedInDay);

/// <summary>The row as it stands after one more; or when one more is allowed.</summary>
internal sealed record EmailChangeThrottle(EmailChangeThrottleRow Row, DateTimeOffset? TooSoonUntil);

/// <summary>What is written when the change is carried out: in the account's chain, and to both mailboxes.</summary>
internal sealed record EmailChangeEntries(Func<AccountRow, EmailAddress, SecurityNote> Note, Func<AccountRow, EmailAddress, OutgoingMail> MailToFormer, Func<AccountRow, EmailAddress, OutgoingMail> MailToNew);

/// <summary>Where the change stands, and the pending accounts at the new address that gave way.</summary>
internal sealed record EmailChangeConfirmed(Guid AccountId, bool FormerConfirmed, bool NewConfirmed, IReadOnlyList<Removed> Removed)
{
    public bool Changed => FormerConfirmed && NewConfirmed;
}
