using Dapper;
using Kpm.Server.Support;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Rows of cases, for the units of the store of support.</summary>
internal static class SqliteSupportCases
{
    private const string Columns = """
        SELECT case_id AS CaseId, account_id AS AccountId, kind AS Kind, state AS State, reason AS Reason, region AS Region, former_region AS FormerRegion,
               proposed_by AS ProposedBy, proposed_name AS ProposedName, proposed_at AS ProposedAt, approved_by AS ApprovedBy, approved_name AS ApprovedName,
               approved_at AS ApprovedAt, effective_at AS EffectiveAt, undo_until AS UndoUntil, due_at AS DueAt
          FROM support_case
        """;

    private const string FindSql = Columns + " WHERE case_id = @caseId";

    private const string OnItsWaySql = Columns + " WHERE account_id = @accountId AND kind = @kind AND state IN (1, 2)";

    private const string OfAccountSql = Columns + " WHERE account_id = @accountId AND due_at IS NOT NULL ORDER BY proposed_at, case_id";

    private const string OpenSql = Columns + """
         WHERE due_at IS NOT NULL AND (state = 2 OR due_at > @now) AND (proposed_at, case_id) > (@proposedAt, @caseId)
         ORDER BY proposed_at, case_id LIMIT @most
        """;

    private const string DueSql = Columns + " WHERE due_at <= @now ORDER BY due_at LIMIT 1";

    private const string InsertSql = """
        INSERT INTO support_case (case_id, account_id, kind, state, reason, region, former_region, proposed_by, proposed_name, proposed_at, approved_by, approved_name,
                                  approved_at, effective_at, undo_until, due_at)
        VALUES (@caseId, @accountId, @kind, @state, @reason, @region, @formerRegion, @proposedBy, @proposedName, @proposedAt, @approvedBy, @approvedName,
                @approvedAt, @effectiveAt, @undoUntil, @dueAt)
        """;

    private const string UpdateSql = """
        UPDATE support_case
           SET state = @state, region = @region, former_region = @formerRegion, approved_by = @approvedBy, approved_name = @approvedName, approved_at = @approvedAt,
               effective_at = @effectiveAt, undo_until = @undoUntil, due_at = @dueAt
         WHERE case_id = @caseId
        """;

    public static SupportCaseRow? Find(SqliteConnection connection, Guid caseId) =>
        ToRow(connection.QuerySingleOrDefault<Stored>(FindSql, new { caseId = caseId.ToBytes() }));

    /// <summary>The account's case of the kind that is proposed or approved.</summary>
    public static SupportCaseRow? OnItsWay(SqliteConnection connection, Guid accountId, SupportCaseKind kind) =>
        ToRow(connection.QuerySingleOrDefault<Stored>(OnItsWaySql, new { accountId = accountId.ToBytes(), kind = (int)kind }));

    public static List<SupportCaseRow> OpenOf(SqliteConnection connection, Guid accountId, DateTimeOffset now) =>
        connection.Query<Stored>(OfAccountSql, new { accountId = accountId.ToBytes() }).Select(s => ToRow(s)!).Where(r => r.IsOpen(now)).ToList();

    public static List<SupportCaseRow> Open(SqliteConnection connection, CasePosition? after, int most, DateTimeOffset now) =>
        connection.Query<Stored>(OpenSql, new
        {
            now = now.ToStored(),
            proposedAt = after?.ProposedAt.ToStored() ?? 0,
            caseId = (after?.CaseId ?? Guid.Empty).ToBytes(),
            most,
        }).Select(s => ToRow(s)!).ToList();

    /// <summary>The case whose time came first.</summary>
    public static SupportCaseRow? Due(SqliteConnection connection, DateTimeOffset now) =>
        ToRow(connection.QuerySingleOrDefault<Stored>(DueSql, new { now = now.ToStored() }));

    public static void Insert(SqliteConnection connection, SupportCaseRow row) => connection.Execute(InsertSql, Parameters(row));

    public static SupportCaseRow Update(SqliteConnection connection, SupportCaseRow row)
    {
        connection.Execute(UpdateSql, Parameters(row));
        return row;
    }

    private static object Parameters(SupportCaseRow row) => new
    {
        caseId = row.CaseId.ToBytes(),
        accountId = row.AccountId.ToBytes(),
        kind = (int)row.Kind,
        state = (int)row.State,
        reason = row.Reason,
        region = row.Region,
        formerRegion = row.FormerRegion,
        proposedBy = row.ProposedBy.ToBytes(),
        proposedName = row.ProposedName,
        proposedAt = row.ProposedAt.ToStored(),
        approvedBy = row.ApprovedBy?.ToBytes(),
        approvedName = row.ApprovedName,
        approvedAt = row.ApprovedAt.ToStored(),
        effectiveAt = row.EffectiveAt.ToStored(),
        undoUntil = row.UndoUntil.ToStored(),
        dueAt = row.DueAt.ToStored(),
    };

    private static SupportCaseRow? ToRow(Stored? stored) => stored is null ? null : new SupportCaseRow
    {
        CaseId = Ids.FromBytes(stored.CaseId),
        AccountId = Ids.FromBytes(stored.AccountId),
        Kind = (SupportCaseKind)stored.Kind,
        State = (SupportCaseState)stored.State,
        Reason = stored.Reason,
        Region = stored.Region,
        FormerRegion = stored.FormerRegion,
        ProposedBy = Ids.FromBytes(stored.ProposedBy),
        ProposedName = stored.ProposedName,
        ProposedAt = stored.ProposedAt.ToTime(),
        ApprovedBy = stored.ApprovedBy is null ? null : Ids.FromBytes(stored.ApprovedBy),
        ApprovedName = stored.ApprovedName,
        ApprovedAt = stored.ApprovedAt.ToTime(),
        EffectiveAt = stored.EffectiveAt.ToTime(),
        UndoUntil = stored.UndoUntil.ToTime(),
        DueAt = stored.DueAt.ToTime(),
    };

    private sealed record Stored
    {
        public required byte[] CaseId { get; init; }
        public required byte[] AccountId { get; init; }
        public required long Kind { get; init; }
        public required long State { get; init; }
        public required string Reason { get; init; }
        public required string Region { get; init; }
        public required string FormerRegion { get; init; }
        public required byte[] ProposedBy { get; init; }
        public required string ProposedName { get; init; }
        public required long ProposedAt { get; init; }
        public required byte[]? ApprovedBy { get; init; }
        public required string? ApprovedName { get; init; }
        public required long? ApprovedAt { get; init; }
        public required long? EffectiveAt { get; init; }
        public required long? UndoUntil { get; init; }
        public required long? DueAt { get; init; }
    }
}
