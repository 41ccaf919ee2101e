using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.Checks;

namespace Kpm.Server.Verification;

/// <summary>What was mailed, as hashes.</summary>
internal sealed record NewActivation
{
    public required byte[] TokenHash { get; init; }
    public required byte[] DiscardHash { get; init; }
    public required byte[] CodeHash { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public required DateTimeOffset MailedAt { get; init; }
}

/// <summary>Where a pending account's activation stands.</summary>
internal sealed record ActivationRow
{
    public required Guid AccountId { get; init; }
    public required byte[] CodeHash { get; init; }
    public required int CodeTries { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public required DateTimeOffset MailedAt { get; init; }
    public required DateTimeOffset DayStartedAt { get; init; }
    public required int MailsInDay { get; init; }
}

/// <summary>Activation of pending accounts. Each writing method is one transaction, so that each token and code works once.</summary>
internal interface IActivationStore
{
    ValueTask<ActivationRow?> FindAsync(Guid accountId, CancellationToken cancellationToken);

    /// <summary>The pending account that a mailed token names, expired or not.</summary>
    ValueTask<AccountRow?> FindByTokenAsync(byte[] tokenHash, CancellationToken cancellationToken);

    /// <summary>Activates by token. The accounts that are still pending at the address are removed.</summary>
    Task<ActivateResult> ActivateByTokenAsync(byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Activates by code; a wrong one counts as a try.</summary>
    Task<ActivateResult> ActivateByCodeAsync(Guid accountId, byte[] codeHash, int mostTries, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Removes the pending account that a discard token names, expired or not; null where there is none.</summary>
    Task<Removed?> DiscardAsync(byte[] discardHash, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Replaces what was mailed and queues the new mail, where the plan, a pure function, allows it; remembers the response.
    /// Null where the account is not pending.
    /// </summary>
    Task<RemailResult?> RemailAsync(Guid accountId, Func<ActivationRow, Remail> plan, RequestKey request, Func<NewActivation, byte[]> respond, CancellationToken cancellationToken);

    /// <summary>
    /// Counts a wrong password; and for the owner of a pending account, who can't know that it is not
    /// active yet, replaces what was mailed. One transaction either way, so that both take the same time.
    /// </summary>
    /// <returns>True where the failure was the one that begins the delay, and so was noted in the account's events.</returns>
    Task<bool> RecordFailedSignInAsync(IReadOnlyList<CounterStep> failure, PendingRemail? pending, BlockedSignIn? blocked, CancellationToken cancellationToken);
}

/// <summary>The note for the account's owner, for the failure with which the delay begins.</summary>
internal sealed record BlockedSignIn(Guid AccountId, int AtFailures, SecurityNote Note);

/// <summary>A pending account whose activation is mailed again; the plan is a pure function.</summary>
internal sealed record PendingRemail(Guid AccountId, Func<ActivationRow, Remail> Plan);

/// <summary>Whether another mail may go out.</summary>
internal abstract record Remail
{
    private Remail()
    {
    }

    public sealed record Allowed(NewActivation Activation, OutgoingMail Mail, DateTimeOffset DayStartedAt, int MailsInDay) : Remail;

    public sealed record TooSoon(DateTimeOffset At) : Remail;
}

/// <summary>The plan that was carried out, or the response to a repeated request.</summary>
internal sealed record RemailResult(Remail? Plan, byte[]? Response);

internal enum ActivateOutcome
{
    Activated,
    Invalid,
    AlreadyActivated,
    EmailInUse,
}

/// <summary>The outcome; the account and the pending ones that gave way where it was activated.</summary>
internal sealed record ActivateResult(ActivateOutcome Outcome, AccountRow? Account, IReadOnlyList<Removed> Removed, IReadOnlyList<Guid> Sessions)
{
    public static ActivateResult Of(ActivateOutcome outcome) => new(outcome, null, [], []);
}
