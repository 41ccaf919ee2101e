using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>A case as it is stored.</summary>
internal sealed record SupportCaseRow
{
    public required Guid CaseId { get; init; }
    public required Guid AccountId { get; init; }
    public required SupportCaseKind Kind { get; init; }
    public required SupportCaseState State { get; init; }
    public required string Reason { get; init; }

    /// <summary>Of a change of region; else empty.</summary>
    public required string Region { get; init; }
    public required string FormerRegion { get; init; }
    public required Guid ProposedBy { get; init; }
    public required string ProposedName { get; init; }
    public required DateTimeOffset ProposedAt { get; init; }
    public Guid? ApprovedBy { get; init; }
    public string? ApprovedName { get; init; }
    public DateTimeOffset? ApprovedAt { get; init; }
    public DateTimeOffset? EffectiveAt { get; init; }
    public DateTimeOffset? UndoUntil { get; init; }

    /// <summary>When its state changes by itself: it lapses, takes effect, or can no longer be undone. Null once it is over.</summary>
    public required DateTimeOffset? DueAt { get; init; }
}

/// <summary>
/// What can be done with a case, by its state and the clock alone: the job that carries out what is due may come later, and
/// nothing depends on how much later.
/// </summary>
internal static class SupportCases
{
    public static bool CanBeApproved(this SupportCaseRow row, DateTimeOffset now) => row.State == SupportCaseState.Proposed && now < row.DueAt;

    /// <summary>The same operator approved it before: a repeated call, which changes nothing.</summary>
    public static bool WasApprovedBy(this SupportCaseRow row, Guid operatorId) =>
        row.State is SupportCaseState.Approved or SupportCaseState.Done && row.ApprovedBy == operatorId;

    /// <summary>It has not taken effect, and need not.</summary>
    public static bool CanBeStopped(this SupportCaseRow row, DateTimeOffset now) =>
        row.State is SupportCaseState.Proposed or SupportCaseState.Approved && now < row.DueAt;

    /// <summary>A region that is still the one that the case gave the account.</summary>
    public static bool CanBeUndone(this SupportCaseRow row, string regionOfAccount, DateTimeOffset now) =>
        row is { Kind: SupportCaseKind.RegionChange, State: SupportCaseState.Done } && now < row.DueAt && regionOfAccount == row.Region;

    /// <summary>Something may still become of it.</summary>
    public static bool IsOpen(this SupportCaseRow row, DateTimeOffset now) => row.State == SupportCaseState.Approved || now < row.DueAt;

    public static SupportCaseRow Ended(this SupportCaseRow row, SupportCaseState state) => row with { State = state, DueAt = null };
}
