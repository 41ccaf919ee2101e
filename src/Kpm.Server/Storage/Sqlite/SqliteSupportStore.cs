using Dapper;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Support;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteSupportStore(SqliteDatabase database) : ISupportStore
{
    private const string AtAddressSql = """
        SELECT account_id FROM account WHERE email_key = @emailKey AND state = @state ORDER BY created_at DESC LIMIT @most
        """;

    private const string CountDevicesSql = "SELECT count(*) FROM device WHERE account_id = @accountId AND revoked_at IS NULL";

    private const string SetRegionSql = "UPDATE account SET region = @region WHERE account_id = @accountId";

    private const string SetSuspendedSql = "UPDATE account SET suspended_at = @suspendedAt WHERE account_id = @accountId";

    public Task<IReadOnlyList<SeenAccount>> FindAsync(Guid? accountId, string? emailKey, int mostPending, SecurityNote note, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync<IReadOnlyList<SeenAccount>>(
            c =>
            {
                IEnumerable<Guid> ids = accountId is { } id ? [id] : AtAddress(c, emailKey!, AccountState.Active, 1).Concat(AtAddress(c, emailKey!, AccountState.Pending, mostPending));
                var found = ids.Select(i => SqliteAccountStore.Find(c, i)).OfType<AccountRow>().Select(a => See(c, a, now)).ToList();
                found.ForEach(f => SqliteSecurityLog.Append(c, f.Account.AccountId, note, now));
                return found;
            },
            cancellationToken);

    public Task<ProposeResult> ProposeAsync(SupportCaseRow row, RequestKey request, Func<SupportCaseRow, byte[]> respond, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Propose(c, row, request, respond), cancellationToken);

    public Task<CaseResult> ApproveAsync(
        Guid caseId, SupportCaseKind kind, OperatorCaller approver, CaseTimes times, Func<AccountRow, SupportCaseRow, CaseMail> mail, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Approve(c, caseId, kind, approver, times, mail), cancellationToken);

    public Task<CaseResult> UndoAsync(
        Guid caseId, OperatorCaller caller, string reason, DateTimeOffset now, Func<AccountRow, SupportCaseRow, OutgoingMail> mail, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Undo(c, caseId, caller, reason, now, mail), cancellationToken);

    public Task<CaseResult> CancelAsync(CancelBy by, DateTimeOffset now, Func<AccountRow, SupportCaseRow, OutgoingMail> mail, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Cancel(c, by, now, mail), cancellationToken);

    public Task<SuspendResult?> SuspendAsync(
        Guid accountId, bool suspended, SecurityNote note, DateTimeOffset now, Func<AccountRow, OutgoingMail> mail, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Suspend(c, accountId, suspended, note, now, mail), cancellationToken);

    public ValueTask<IReadOnlyList<SupportCaseRow>> ListOpenAsync(CasePosition? after, int most, DateTimeOffset now, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<SupportCaseRow>>(database.Read(c => SqliteSupportCases.Open(c, after, most, now)));

    public Task<SupportCaseRow?> SweepAsync(DateTimeOffset now, Func<AccountRow, OutgoingMail> resetMail, CancellationToken cancellationToken) =>
        database.WriteAsync(c => SqliteSupportCases.Due(c, now) is { } due ? CarryOut(c, due, now, resetMail) : null, cancellationToken);

    public Task<bool> SweepRequestsAsync(DateTimeOffset madeBefore, int most, CancellationToken cancellationToken) =>
        database.WriteAsync(c => SqliteOperatorRequests.Sweep(c, madeBefore, most) > 0, cancellationToken);

    private static IEnumerable<Guid> AtAddress(SqliteConnection connection, string emailKey, AccountState state, int most) =>
        connection.Query<byte[]>(AtAddressSql, new { emailKey, state = (int)state, most }).Select(id => Ids.FromBytes(id));

    private static SeenAccount See(SqliteConnection connection, AccountRow account, DateTimeOffset now) => new(
        account,
        connection.QuerySingle<int>(CountDevicesSql, new { accountId = account.AccountId.ToBytes() }),
        SqliteFactors.Find(connection, account.AccountId).Enabled,
        SqliteSupportCases.OpenOf(connection, account.AccountId, now));

    private static ProposeResult Propose(SqliteConnection connection, SupportCaseRow row, RequestKey request, Func<SupportCaseRow, byte[]> respond)
    {
        if (SqliteOperatorRequests.Find(connection, request) is { } former)
        {
            return new ProposeResult(ProposeOutcome.Proposed, former);
        }

        if (SqliteAccountStore.Find(connection, row.AccountId) is not { } account)
        {
            return new ProposeResult(ProposeOutcome.NoAccount);
        }

        if (row.Kind == SupportCaseKind.RegionChange ? account.Region == row.Region : !SqliteFactors.Find(connection, account.AccountId).Enabled)
        {
            return new ProposeResult(ProposeOutcome.Pointless);
        }

        if (SqliteSupportCases.OnItsWay(connection, row.AccountId, row.Kind) is { } other)
        {
            if (other.State == SupportCaseState.Approved || row.ProposedAt < other.DueAt)
            {
                return new ProposeResult(ProposeOutcome.Open, OtherCase: other.CaseId);
            }

            // It has lapsed; the job only has not come by yet.
            SqliteSupportCases.Update(connection, other.Ended(SupportCaseState.Lapsed));
        }

        SqliteSupportCases.Insert(connection, row);
        SqliteSecurityLog.Append(connection, row.AccountId, SupportNotes.Proposed(row), row.ProposedAt);
        var response = respond(row);
        SqliteOperatorRequests.Remember(connection, request, response, row.ProposedAt);
        return new ProposeResult(ProposeOutcome.Proposed, response, AccountId: row.AccountId);
    }

    private static CaseResult Approve(
        SqliteConnection connection, Guid caseId, SupportCaseKind kind, OperatorCaller approver, CaseTimes times, Func<AccountRow, SupportCaseRow, CaseMail> mail)
    {
        if (SqliteSupportCases.Find(connection, caseId) is not { } row || row.Kind != kind)
        {
            return new CaseResult(CaseOutcome.NoCase);
        }

        if (row.WasApprovedBy(approver.OperatorId))
        {
            return new CaseResult(CaseOutcome.Repeated, row);
        }

        if (!row.CanBeApproved(times.Now))
        {
            return new CaseResult(CaseOutcome.NotOpen);
        }

        if (row.ProposedBy == approver.OperatorId)
        {
            return new CaseResult(CaseOutcome.SameOperator);
        }

        var account = SqliteAccountStore.Find(connection, row.AccountId)!;
        var approved = row with
        {
            State = kind == SupportCaseKind.RegionChange ? SupportCaseState.Done : SupportCaseState.Approved,
            FormerRegion = kind == SupportCaseKind.RegionChange ? account.Region : "",
            ApprovedBy = approver.OperatorId,
            ApprovedName = approver.Name,
            ApprovedAt = times.Now,
            EffectiveAt = times.EffectiveAt,
            UndoUntil = times.UndoUntil,
            DueAt = times.UndoUntil,
        };
        SqliteSupportCases.Update(connection, approved);
        if (kind == SupportCaseKind.RegionChange)
        {
            SetRegion(connection, row.AccountId, row.Region);
        }

        SqliteSecurityLog.Append(connection, row.AccountId, SupportNotes.Approved(approved), times.Now);
        var (message, ticket) = mail(account, approved);
        SqliteTickets.Insert(connection, ticket);
        SqliteMailOutbox.Insert(connection, message);
        return new CaseResult(CaseOutcome.Done, approved);
    }

    private static CaseResult Undo(
        SqliteConnection connection, Guid caseId, OperatorCaller caller, string reason, DateTimeOffset now, Func<AccountRow, SupportCaseRow, OutgoingMail> mail)
    {
        if (SqliteSupportCases.Find(connection, caseId) is not { Kind: SupportCaseKind.RegionChange } row)
        {
            return new CaseResult(CaseOutcome.NoCase);
        }

        var account = SqliteAccountStore.Find(connection, row.AccountId)!;
        if (!row.CanBeUndone(account.Region, now))
        {
            return new CaseResult(CaseOutcome.NotOpen);
        }

        var undone = SqliteSupportCases.Update(connection, row.Ended(SupportCaseState.Undone));
        SetRegion(connection, row.AccountId, row.FormerRegion);
        SqliteSecurityLog.Append(connection, row.AccountId, SupportNotes.Undone(undone, caller.Name, reason), now);
        SqliteMailOutbox.Insert(connection, mail(account, row));
        return new CaseResult(CaseOutcome.Done, undone);
    }

    private static CaseResult Cancel(SqliteConnection connection, CancelBy by, DateTimeOffset now, Func<AccountRow, SupportCaseRow, OutgoingMail> mail)
    {
        var ticket = by is CancelBy.Ticket named ? SqliteTickets.Find(connection, named.Hash, TicketPurpose.CancelSupportCase, now) : null;
        if (by is CancelBy.Ticket && ticket is null)
        {
            return new CaseResult(CaseOutcome.NoTicket);
        }

        var caseId = by is CancelBy.Session session ? session.CaseId : ((CancelBy.Ticket)by).CaseOf(ticket!);
        if (SqliteSupportCases.Find(connection, caseId) is not { } row || (by is CancelBy.Session own && row.AccountId != own.AccountId))
        {
            return new CaseResult(CaseOutcome.NoCase);
        }

        var account = SqliteAccountStore.Find(connection, row.AccountId)!;
        var undone = row.CanBeUndone(account.Region, now);
        if (!undone && !row.CanBeStopped(now))
        {
            return new CaseResult(CaseOutcome.NotOpen);
        }

        var cancelled = SqliteSupportCases.Update(connection, row.Ended(SupportCaseState.Cancelled));
        if (ticket is not null)
        {
            SqliteTickets.Take(connection, ticket.Hash, TicketPurpose.CancelSupportCase, now);
        }

        var (actor, device) = by is CancelBy.Session at ? (Actor.Session, at.DeviceId) : (Actor.Anonymous, (Guid?)null);
        SqliteSecurityLog.Append(connection, row.AccountId, SupportNotes.Cancelled(cancelled, actor, device), now);
        if (undone)
        {
            SetRegion(connection, row.AccountId, row.FormerRegion);
            SqliteSecurityLog.Append(connection, row.AccountId, SupportNotes.UndoneByOwner(cancelled, actor, device), now);
        }

        SqliteMailOutbox.Insert(connection, mail(account, row));
        return new CaseResult(CaseOutcome.Done, cancelled);
    }

    private static SuspendResult? Suspend(
        SqliteConnection connection, Guid accountId, bool suspended, SecurityNote note, DateTimeOffset now, Func<AccountRow, OutgoingMail> mail)
    {
        if (SqliteAccountStore.Find(connection, accountId) is not { } account)
        {
            return null;
        }

        if (account.SuspendedAt is not null == suspended)
        {
            return new SuspendResult(See(connection, account, now), Changed: false, []);
        }

        connection.Execute(SetSuspendedSql, new { accountId = accountId.ToBytes(), suspendedAt = suspended ? now.ToStored() : (long?)null });
        var ended = suspended ? SqliteSessionStore.EndAll(connection, accountId, now) : [];
        SqliteSecurityLog.Append(connection, accountId, note, now);
        SqliteMailOutbox.Insert(connection, mail(account));
        return new SuspendResult(See(connection, SqliteAccountStore.Find(connection, accountId)!, now), Changed: true, ended);
    }

    private static SupportCaseRow CarryOut(SqliteConnection connection, SupportCaseRow row, DateTimeOffset now, Func<AccountRow, OutgoingMail> resetMail)
    {
        switch (row.State)
        {
            case SupportCaseState.Proposed:
                return SqliteSupportCases.Update(connection, row.Ended(SupportCaseState.Lapsed));
            case SupportCaseState.Approved:
                SqliteFactors.RemoveAll(connection, row.AccountId);
                var done = SqliteSupportCases.Update(connection, row.Ended(SupportCaseState.Done));
                SqliteSecurityLog.Append(connection, row.AccountId, SupportNotes.TookEffect(done), now);
                SqliteMailOutbox.Insert(connection, resetMail(SqliteAccountStore.Find(connection, row.AccountId)!));
                return done;
            default:
                // A change of region that can no longer be undone.
                return SqliteSupportCases.Update(connection, row with { DueAt = null });
        }
    }

    private static void SetRegion(SqliteConnection connection, Guid accountId, string region) =>
        connection.Execute(SetRegionSql, new { accountId = accountId.ToBytes(), region });
}
