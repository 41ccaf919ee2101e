using Kpm.Server.Accounts.Events;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>What support does, as the account's security events tell it.</summary>
internal static class SupportNotes
{
    public static SecurityNote Viewed(OperatorCaller caller) => new(SecurityEventKind.AccountViewed, Actor.Operator, Detail: $"operator={caller.Name}");

    public static SecurityNote Proposed(SupportCaseRow row) => new(
        row.Kind == SupportCaseKind.RegionChange ? SecurityEventKind.RegionChangeProposed : SecurityEventKind.TwoStepResetProposed,
        Actor.Operator,
        Detail: $"case={row.CaseId.ToWire()}; operator={row.ProposedName}{RegionOf(row)}; reason={Value(row.Reason)}");

    public static SecurityNote Approved(SupportCaseRow row) => new(
        row.Kind == SupportCaseKind.RegionChange ? SecurityEventKind.RegionChanged : SecurityEventKind.TwoStepResetApproved,
        Actor.Operator,
        Detail: $"case={row.CaseId.ToWire()}; operator={row.ApprovedName}{(row.FormerRegion.Length > 0 ? $"; former_region={row.FormerRegion}" : "")}{RegionOf(row)}");

    public static SecurityNote TookEffect(SupportCaseRow row) => new(SecurityEventKind.TwoStepReset, Actor.Server, Detail: $"case={row.CaseId.ToWire()}");

    public static SecurityNote Undone(SupportCaseRow row, string operatorName, string reason) => new(
        SecurityEventKind.RegionChangeUndone,
        Actor.Operator,
        Detail: $"case={row.CaseId.ToWire()}; operator={operatorName}; region={row.FormerRegion}; reason={Value(reason)}");

    public static SecurityNote UndoneByOwner(SupportCaseRow row, Actor actor, Guid? deviceId) => new(
        SecurityEventKind.RegionChangeUndone, actor, deviceId, $"case={row.CaseId.ToWire()}; region={row.FormerRegion}");

    public static SecurityNote Cancelled(SupportCaseRow row, Actor actor, Guid? deviceId) => new(
        SecurityEventKind.SupportCaseCancelled, actor, deviceId, $"case={row.CaseId.ToWire()}");

    public static SecurityNote Suspension(bool suspended, OperatorCaller caller, string reason) => new(
        suspended ? SecurityEventKind.AccountSuspended : SecurityEventKind.AccountReinstated,
        Actor.Operator,
        Detail: $"operator={caller.Name}; reason={Value(reason)}");

    private static string RegionOf(SupportCaseRow row) => row.Region.Length > 0 ? $"; region={row.Region}" : "";

    /// <summary>Free text must not look like another pair.</summary>
    private static string Value(string text) => text.Replace(';', ',');
}
