using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Verification;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>Account passwords: changed from a session, or reset by mail. Each writing method is one transaction.</summary>
internal interface IPasswordStore
{
    /// <summary>Sets the password where the former one still stands, ends every other session, and remembers the response; null where another change came first.</summary>
    Task<PasswordSet?> ChangeAsync(PasswordChange change, CancellationToken cancellationToken);

    /// <summary>Notes that a reset was asked for, where the throttle, a pure function, allows it; the same for every address.</summary>
    Task<ResetThrottle> RequestResetAsync(byte[] addressHash, byte[] sealedAddress, Func<ResetRequestRow?, ResetThrottle> throttle, CancellationToken cancellationToken);

    /// <summary>Requests that the job has not looked at, oldest first.</summary>
    ValueTask<IReadOnlyList<OpenResetRequest>> OpenRequestsAsync(DateTimeOffset now, int most, CancellationToken cancellationToken);

    /// <summary>
    /// Carries out a request: the active account that holds the address gets a ticket and the mail; a pending one its
    /// activation again; no account nothing. The account that was mailed a reset, or null.
    /// </summary>
    Task<Guid?> CarryOutAsync(byte[] addressHash, string emailKey, Func<AccountRow, ResetMail> reset, Func<ActivationRow, AccountRow, Remail> remail, CancellationToken cancellationToken);

    /// <summary>A reset token works.</summary>
    ValueTask<bool> IsResetOpenAsync(byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Uses the token up and sets the password; ends every session, all trust in devices and every ticket. Null for a token that does not work.</summary>
    Task<PasswordSet?> ResetAsync(PasswordReset reset, CancellationToken cancellationToken);

    /// <summary>Forgets requests that throttle nothing any more, at most so many; how many there were.</summary>
    Task<int> SweepRequestsAsync(DateTimeOffset before, int most, CancellationToken cancellationToken);
}

/// <summary>A new password from a session.</summary>
internal sealed record PasswordChange
{
    public required Guid AccountId { get; init; }
    public required Guid SessionId { get; init; }

    /// <summary>The hash that was verified; null for an account without a password.</summary>
    public required string? FormerHash { get; init; }
    public required string Hash { get; init; }
    public required DateTimeOffset Now { get; init; }
    public required RequestKey Request { get; init; }
    public required byte[] Response { get; init; }
    public required SecurityEntry Entry { get; init; }
}

/// <summary>A new password with a mailed token.</summary>
internal sealed record PasswordReset
{
    public required byte[] TokenHash { get; init; }
    public required string Hash { get; init; }
    public required DateTimeOffset Now { get; init; }
    public required SecurityEntry Entry { get; init; }
}

/// <summary>The response to remember or remembered, and the sessions that it ended.</summary>
internal sealed record PasswordSet(Guid AccountId, byte[] Response, IReadOnlyList<EndedSession> Ended);

/// <summary>What is known of the resets that were asked for at an address.</summary>
internal sealed record ResetRequestRow
{
    public required DateTimeOffset AskedAt { get; init; }
    public required DateTimeOffset DayStartedAt { get; init; }
    public required int AskedInDay { get; init; }
}

/// <summary>A request that the job has not looked at.</summary>
internal sealed record OpenResetRequest(byte[] AddressHash, byte[] SealedAddress);

/// <summary>Whether a reset may be asked for.</summary>
internal abstract record ResetThrottle
{
    private ResetThrottle()
    {
    }

    /// <summary>The row as it stands then.</summary>
    public sealed record Allowed(ResetRequestRow Row) : ResetThrottle;

    public sealed record TooSoon(DateTimeOffset At) : ResetThrottle;
}

/// <summary>What an account's owner gets: a ticket, and the mail that carries it.</summary>
internal sealed record ResetMail(TicketRow Ticket, OutgoingMail Mail, SecurityNote Note);
