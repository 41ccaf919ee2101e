using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>
/// Cases, and accounts as support sees them. Each writing method is one transaction in which it decides, so that of two
/// that contradict each other one wins. What the mails say is made inside it, by pure functions, from the rows as they are then.
/// </summary>
internal interface ISupportStore
{
    /// <summary>Accounts with what support sees of them; each is told that it was looked at.</summary>
    Task<IReadOnlyList<SeenAccount>> FindAsync(Guid? accountId, string? emailKey, int mostPending, SecurityNote note, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>A new case. The response of an accepted one is remembered under the operator's request.</summary>
    Task<ProposeResult> ProposeAsync(SupportCaseRow row, RequestKey request, Func<SupportCaseRow, byte[]> respond, CancellationToken cancellationToken);

    Task<CaseResult> ApproveAsync(Guid caseId, SupportCaseKind kind, OperatorCaller approver, CaseTimes times, Func<AccountRow, SupportCaseRow, CaseMail> mail, CancellationToken cancellationToken);

    Task<CaseResult> UndoAsync(Guid caseId, OperatorCaller caller, string reason, DateTimeOffset now, Func<AccountRow, SupportCaseRow, OutgoingMail> mail, CancellationToken cancellationToken);

    /// <summary>The owner's cancelling: the ticket is used up, or the case is one of the account's own.</summary>
    Task<CaseResult> CancelAsync(CancelBy by, DateTimeOffset now, Func<AccountRow, SupportCaseRow, OutgoingMail> mail, CancellationToken cancellationToken);

    /// <summary>Null where there is no such account. An account that stands so already stays as it is.</summary>
    Task<SuspendResult?> SuspendAsync(Guid accountId, bool suspended, SecurityNote note, DateTimeOffset now, Func<AccountRow, OutgoingMail> mail, CancellationToken cancellationToken);

    /// <summary>Open cases of all accounts, oldest first, behind a position.</summary>
    ValueTask<IReadOnlyList<SupportCaseRow>> ListOpenAsync(CasePosition? after, int most, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Carries out what is due of one case; null when nothing is due.</summary>
    Task<SupportCaseRow?> SweepAsync(DateTimeOffset now, Func<AccountRow, OutgoingMail> resetMail, CancellationToken cancellationToken);

    /// <summary>Removes remembered responses, at most so many; false when none was left.</summary>
    Task<bool> SweepRequestsAsync(DateTimeOffset madeBefore, int most, CancellationToken cancellationToken);
}

/// <summary>An account as support sees it.</summary>
internal sealed record SeenAccount(AccountRow Account, int Devices, bool TwoStepEnabled, IReadOnlyList<SupportCaseRow> OpenCases);

internal enum ProposeOutcome
{
    Proposed,
    NoAccount,

    /// <summary>The account has a case of the kind on its way.</summary>
    Open,

    /// <summary>There is no second step to reset, or the account is in the region.</summary>
    Pointless,
}

/// <summary>The outcome; the response where it was proposed, the other case where one is open.</summary>
internal sealed record ProposeResult(ProposeOutcome Outcome, byte[]? Response = null, Guid? OtherCase = null, Guid? AccountId = null);

internal enum CaseOutcome
{
    Done,

    /// <summary>A repeated call; nothing was changed.</summary>
    Repeated,
    NoCase,
    NotOpen,
    SameOperator,

    /// <summary>The mailed token opens nothing.</summary>
    NoTicket,
}

/// <summary>The outcome, and the case as it stands then.</summary>
internal sealed record CaseResult(CaseOutcome Outcome, SupportCaseRow? Case = null);

/// <summary>When it is approved, takes effect, and can no longer be stopped or undone.</summary>
internal sealed record CaseTimes(DateTimeOffset Now, DateTimeOffset EffectiveAt, DateTimeOffset UndoUntil);

/// <summary>A mail to the owner with the ticket that cancels the case.</summary>
internal sealed record CaseMail(OutgoingMail Mail, TicketRow Ticket);

/// <summary>How the owner names the case: by the mailed ticket, or as one of the account's from a session.</summary>
internal abstract record CancelBy
{
    private CancelBy()
    {
    }

    public sealed record Ticket(byte[] Hash, Func<TicketRow, Guid> CaseOf) : CancelBy;

    public sealed record Session(Guid AccountId, Guid DeviceId, Guid CaseId) : CancelBy;
}

/// <summary>The account as it stands, and the sessions that the suspension ended.</summary>
internal sealed record SuspendResult(SeenAccount Account, bool Changed, IReadOnlyList<EndedSession> Ended);

/// <summary>A place in the list of cases.</summary>
internal sealed record CasePosition(DateTimeOffset ProposedAt, Guid CaseId);
