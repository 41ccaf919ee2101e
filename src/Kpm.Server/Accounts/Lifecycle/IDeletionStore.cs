using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>Deletion of accounts. Each writing method is one transaction, so that of a cancellation and the end one comes first.</summary>
internal interface IDeletionStore
{
    /// <summary>Schedules the deletion, ends every session, and remembers the response; a pending account is removed at once.</summary>
    Task<DeletionResult> ScheduleAsync(DeletionSchedule schedule, CancellationToken cancellationToken);

    /// <summary>Stores a ticket that calls off the deletion; null where there is nothing to call off.</summary>
    Task<bool> IssueTicketAsync(TicketRow ticket, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Uses the token up and keeps the account; null for a token that does not work.</summary>
    Task<Guid?> CancelAsync(byte[] tokenHash, DateTimeOffset now, SecurityEntry entry, CancellationToken cancellationToken);

    /// <summary>Deletes accounts whose time has come, at most so many; each leaves a receipt, and its owner is mailed it.</summary>
    Task<IReadOnlyList<Removed>> RemoveDueAsync(DateTimeOffset now, int most, Func<AccountRow, DeletionReceipt> receipt, CancellationToken cancellationToken);
}

/// <summary>Everything that scheduling a deletion writes.</summary>
internal sealed record DeletionSchedule
{
    public required Guid AccountId { get; init; }
    public required DateTimeOffset Now { get; init; }
    public required DateTimeOffset DeletesAt { get; init; }
    public required TicketRow Ticket { get; init; }
    public required SecurityEntry Entry { get; init; }
    public required RequestKey Request { get; init; }
    public required byte[] Response { get; init; }
}

/// <summary>The response, the sessions that ended; and the account, where it was pending and is gone.</summary>
internal sealed record DeletionResult(byte[] Response, IReadOnlyList<EndedSession> Ended, Removed? Removed);

/// <summary>All that stays of an account, and the mail that tells its owner.</summary>
internal sealed record DeletionReceipt(Guid ReceiptId, OutgoingMail Mail);
