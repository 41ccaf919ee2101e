using Dapper;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Secrets;
using Kpm.Server.Verification;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqlitePasswordStore(SqliteDatabase database) : IPasswordStore
{
    private const string ChangeSql = "UPDATE account SET password_hash = @hash WHERE account_id = @accountId AND password_hash IS @formerHash";

    private const string ResetSql = "UPDATE account SET password_hash = @hash, password_reset_at = @now WHERE account_id = @accountId AND state = 2";

    private const string FindRequestSql = """
        SELECT asked_at AS AskedAt, day_started_at AS DayStartedAt, asked_in_day AS AskedInDay FROM password_reset_request WHERE address_hash = @addressHash
        """;

    private const string SetRequestSql = """
        INSERT INTO password_reset_request (address_hash, address, asked_at, day_started_at, asked_in_day) VALUES (@addressHash, @address, @askedAt, @dayStartedAt, @askedInDay)
        ON CONFLICT (address_hash) DO UPDATE
           SET address = excluded.address, asked_at = excluded.asked_at, day_started_at = excluded.day_started_at, asked_in_day = excluded.asked_in_day
        """;

    private const string OpenRequestsSql = """
        SELECT address_hash AS AddressHash, address AS Address FROM password_reset_request WHERE address IS NOT NULL AND asked_at <= @now ORDER BY asked_at LIMIT @most
        """;

    private const string CloseRequestSql = "UPDATE password_reset_request SET address = NULL WHERE address_hash = @addressHash AND address IS NOT NULL";

    private const string SweepRequestsSql = """
        DELETE FROM password_reset_request WHERE address_hash IN (SELECT address_hash FROM password_reset_request WHERE asked_at < @before AND address IS NULL LIMIT @most)
        """;

    public Task<PasswordSet?> ChangeAsync(PasswordChange change, CancellationToken cancellationToken) => database.WriteAsync(c => Change(c, change), cancellationToken);

    public Task<ResetThrottle> RequestResetAsync(byte[] addressHash, byte[] sealedAddress, Func<ResetRequestRow?, ResetThrottle> throttle, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                var result = throttle(FindRequest(c, addressHash));
                if (result is ResetThrottle.Allowed { Row: var row })
                {
                    c.Execute(SetRequestSql, new
                    {
                        addressHash,
                        address = sealedAddress,
                        askedAt = row.AskedAt.ToStored(),
                        dayStartedAt = row.DayStartedAt.ToStored(),
                        askedInDay = row.AskedInDay,
                    });
                }

                return result;
            },
            cancellationToken);

    public ValueTask<IReadOnlyList<OpenResetRequest>> OpenRequestsAsync(DateTimeOffset now, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<OpenResetRequest>>(database.Read(c => c.Query<(byte[] AddressHash, byte[] Address)>(OpenRequestsSql, new { now = now.ToStored(), most })
            .Select(r => new OpenResetRequest(r.AddressHash, r.Address)).ToList()));

    public Task<Guid?> CarryOutAsync(byte[] addressHash, string emailKey, Func<AccountRow, ResetMail> reset, Func<ActivationRow, AccountRow, Remail> remail, CancellationToken cancellationToken) =>
        database.WriteAsync(c => CarryOut(c, addressHash, emailKey, reset, remail), cancellationToken);

    public ValueTask<bool> IsResetOpenAsync(byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => SqliteTickets.Find(c, tokenHash, TicketPurpose.PasswordReset, now) is not null));

    public Task<PasswordSet?> ResetAsync(PasswordReset reset, CancellationToken cancellationToken) => database.WriteAsync(c => Reset(c, reset), cancellationToken);

    public Task<int> SweepRequestsAsync(DateTimeOffset before, int most, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(SweepRequestsSql, new { before = before.ToStored(), most }), cancellationToken);

    private static PasswordSet? Change(SqliteConnection connection, PasswordChange change)
    {
        if (SqliteRequests.Find(connection, change.Request) is { } former)
        {
            return new PasswordSet(change.AccountId, former, []);
        }

        if (connection.Execute(ChangeSql, new { accountId = change.AccountId.ToBytes(), hash = change.Hash, formerHash = change.FormerHash }) == 0)
        {
            return null;
        }

        var ended = EndWhatThePasswordOpened(connection, change.AccountId, change.SessionId, change.Now);
        SqliteSecurityLog.Record(connection, change.AccountId, change.Entry, change.Now);
        SqliteRequests.Remember(connection, change.Request, change.Response, change.Now);
        return new PasswordSet(change.AccountId, change.Response, ended);
    }

    private static PasswordSet? Reset(SqliteConnection connection, PasswordReset reset)
    {
        if (SqliteTickets.Take(connection, reset.TokenHash, TicketPurpose.PasswordReset, reset.Now) is not { AccountId: { } accountId })
        {
            return null;
        }

        if (connection.Execute(ResetSql, new { accountId = accountId.ToBytes(), hash = reset.Hash, now = reset.Now.ToStored() }) == 0)
        {
            return null;
        }

        var ended = EndWhatThePasswordOpened(connection, accountId, exceptSessionId: null, reset.Now);
        SqliteSecurityLog.Record(connection, accountId, reset.Entry, reset.Now);
        return new PasswordSet(accountId, [], ended);
    }

    private static List<EndedSession> EndWhatThePasswordOpened(SqliteConnection connection, Guid accountId, Guid? exceptSessionId, DateTimeOffset now)
    {
        SqliteTickets.EndActing(connection, accountId);
        SqliteFactors.ForgetAll(connection, accountId);
        return SqliteSessionStore.EndAll(connection, accountId, now, exceptSessionId);
    }

    private static Guid? CarryOut(SqliteConnection connection, byte[] addressHash, string emailKey, Func<AccountRow, ResetMail> reset, Func<ActivationRow, AccountRow, Remail> remail)
    {
        if (connection.Execute(CloseRequestSql, new { addressHash }) == 0)
        {
            return null;
        }

        if (SqliteAccountStore.FindActive(connection, emailKey) is { } account)
        {
            var made = reset(account);
            SqliteTickets.EndAll(connection, account.AccountId, TicketPurpose.PasswordReset);
            SqliteTickets.Insert(connection, made.Ticket);
            SqliteMailOutbox.Insert(connection, made.Mail);
            SqliteSecurityLog.Append(connection, account.AccountId, made.Note, made.Ticket.CreatedAt);
            return account.AccountId;
        }

        // Its owner can't know that it is not active yet. The throttle of activation mails holds here too.
        if (SqliteAccountStore.FindPending(connection, emailKey, Guid.Empty) is { } pending)
        {
            SqliteActivationStore.Replace(connection, pending.AccountId, row => remail(row, pending));
        }

        return null;
    }

    private static ResetRequestRow? FindRequest(SqliteConnection connection, byte[] addressHash) =>
        connection.QuerySingleOrDefault<StoredRequest>(FindRequestSql, new { addressHash }) is not { } stored ? null : new ResetRequestRow
        {
            AskedAt = stored.AskedAt.ToTime(),
            DayStartedAt = stored.DayStartedAt.ToTime(),
            AskedInDay = (int)stored.AskedInDay,
        };

    private sealed record StoredRequest
    {
        public required long AskedAt { get; init; }
        public required long DayStartedAt { get; init; }
        public required long AskedInDay { get; init; }
    }
}
