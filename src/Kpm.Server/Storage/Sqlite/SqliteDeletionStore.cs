using Dapper;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Secrets;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteDeletionStore(SqliteDatabase database) : IDeletionStore
{
    private const string ScheduleSql = "UPDATE account SET deletes_at = @deletesAt WHERE account_id = @accountId AND deletes_at IS NULL";

    private const string KeepSql = "UPDATE account SET deletes_at = NULL WHERE account_id = @accountId AND deletes_at > @now";

    private const string DueSql = "SELECT account_id FROM account WHERE deletes_at <= @now ORDER BY deletes_at LIMIT @most";

    private const string InsertReceiptSql = """
        INSERT INTO deletion_receipt (receipt_id, account_id, deleted_at, events, head_hash) VALUES (@receiptId, @accountId, @now, @events, @headHash)
        """;

    public Task<DeletionResult> ScheduleAsync(DeletionSchedule schedule, CancellationToken cancellationToken) => database.WriteAsync(c => Schedule(c, schedule), cancellationToken);

    public Task<bool> IssueTicketAsync(TicketRow ticket, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                var due = ticket.AccountId is { } accountId && SqliteAccountStore.Find(c, accountId) is { } account && account.DeletesAt > now;
                if (due)
                {
                    SqliteTickets.Insert(c, ticket);
                }

                return due;
            },
            cancellationToken);

    public Task<Guid?> CancelAsync(byte[] tokenHash, DateTimeOffset now, SecurityEntry entry, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Cancel(c, tokenHash, now, entry), cancellationToken);

    public Task<IReadOnlyList<Removed>> RemoveDueAsync(DateTimeOffset now, int most, Func<AccountRow, DeletionReceipt> receipt, CancellationToken cancellationToken) =>
        database.WriteAsync<IReadOnlyList<Removed>>(
            c => c.Query<byte[]>(DueSql, new { now = now.ToStored(), most }).Select(id => Remove(c, Ids.FromBytes(id), now, receipt)).ToList(),
            cancellationToken);

    private static DeletionResult Schedule(SqliteConnection connection, DeletionSchedule schedule)
    {
        if (SqliteRequests.Find(connection, schedule.Request) is { } former)
        {
            return new DeletionResult(former, [], null);
        }

        if (SqliteAccountStore.Find(connection, schedule.AccountId) is { State: AccountState.Pending })
        {
            return new DeletionResult([], [], SqliteAccountStore.Remove(connection, schedule.AccountId, schedule.Now));
        }

        connection.Execute(ScheduleSql, new { accountId = schedule.AccountId.ToBytes(), deletesAt = schedule.DeletesAt.ToStored() });
        SqliteTickets.EndActing(connection, schedule.AccountId);
        SqliteFactors.ForgetAll(connection, schedule.AccountId);
        SqliteTickets.Insert(connection, schedule.Ticket);
        var ended = SqliteSessionStore.EndAll(connection, schedule.AccountId, schedule.Now);
        SqliteSecurityLog.Record(connection, schedule.AccountId, schedule.Entry, schedule.Now);
        SqliteRequests.Remember(connection, schedule.Request, schedule.Response, schedule.Now);
        return new DeletionResult(schedule.Response, ended, null);
    }

    private static Guid? Cancel(SqliteConnection connection, byte[] tokenHash, DateTimeOffset now, SecurityEntry entry)
    {
        if (SqliteTickets.Take(connection, tokenHash, TicketPurpose.CancelDeletion, now) is not { AccountId: { } accountId }
            || connection.Execute(KeepSql, new { accountId = accountId.ToBytes(), now = now.ToStored() }) == 0)
        {
            return null;
        }

        SqliteTickets.EndAll(connection, accountId, TicketPurpose.CancelDeletion);
        SqliteSecurityLog.Record(connection, accountId, entry, now);
        return accountId;
    }

    private static Removed Remove(SqliteConnection connection, Guid accountId, DateTimeOffset now, Func<AccountRow, DeletionReceipt> receipt)
    {
        var made = receipt(SqliteAccountStore.Find(connection, accountId)!);
        var head = SqliteSecurityLog.Head(connection, accountId);
        connection.Execute(InsertReceiptSql, new { receiptId = made.ReceiptId.ToBytes(), accountId = accountId.ToBytes(), now = now.ToStored(), events = (long)head.Seq, headHash = head.Hash });
        SqliteMailOutbox.Insert(connection, made.Mail);
        return SqliteAccountStore.Remove(connection, accountId, now);
    }
}
