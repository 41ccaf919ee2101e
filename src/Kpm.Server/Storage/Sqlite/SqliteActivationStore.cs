using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Rpc;
using Kpm.Server.Verification;
using Kpm.Server.Verification.Checks;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteActivationStore(SqliteDatabase database) : IActivationStore
{
    private const string Columns = """
        SELECT account_id AS AccountId, code_hash AS CodeHash, code_tries AS CodeTries, expires_at AS ExpiresAt, mailed_at AS MailedAt,
               day_started_at AS DayStartedAt, mails_in_day AS MailsInDay
          FROM activation
        """;

    private const string FindSql = Columns + " WHERE account_id = @accountId";

    private const string FindByTokenSql = Columns + " WHERE token_hash = @tokenHash";

    private const string FindByDiscardSql = "SELECT account_id FROM activation WHERE discard_hash = @discardHash";

    private const string InsertSql = """
        INSERT INTO activation (account_id, token_hash, discard_hash, code_hash, code_tries, expires_at, mailed_at, day_started_at, mails_in_day)
        VALUES (@accountId, @tokenHash, @discardHash, @codeHash, 0, @expiresAt, @mailedAt, @mailedAt, 0)
        """;

    private const string ReplaceSql = """
        UPDATE activation
           SET token_hash = @tokenHash, discard_hash = @discardHash, code_hash = @codeHash, code_tries = 0, expires_at = @expiresAt, mailed_at = @mailedAt,
               day_started_at = @dayStartedAt, mails_in_day = @mailsInDay
         WHERE account_id = @accountId
        """;

    private const string CountTrySql = "UPDATE activation SET code_tries = code_tries + 1 WHERE account_id = @accountId";

    private const string DeleteSql = "DELETE FROM activation WHERE account_id = @accountId";

    private const string ActivateSql = "UPDATE account SET state = 2, lapses_at = NULL WHERE account_id = @accountId AND state = 1";

    private const string OtherPendingSql = "SELECT account_id FROM account WHERE email_key = @emailKey AND state = 1 AND account_id <> @accountId";

    public ValueTask<ActivationRow?> FindAsync(Guid accountId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => Find(c, accountId)));

    public ValueTask<AccountRow?> FindByTokenAsync(byte[] tokenHash, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => FindByToken(c, tokenHash) is { } activation ? SqliteAccountStore.Find(c, activation.AccountId) : null));

    public Task<ActivateResult> ActivateByTokenAsync(byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c => FindByToken(c, tokenHash) is { } activation && now < activation.ExpiresAt
                ? Activate(c, activation.AccountId, now)
                : ActivateResult.Of(ActivateOutcome.Invalid),
            cancellationToken);

    public Task<ActivateResult> ActivateByCodeAsync(Guid accountId, byte[] codeHash, int mostTries, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                if (Find(c, accountId) is not { } activation)
                {
                    return ActivateResult.Of(SqliteAccountStore.Find(c, accountId) is { State: AccountState.Active } ? ActivateOutcome.AlreadyActivated : ActivateOutcome.Invalid);
                }

                if (now >= activation.ExpiresAt || activation.CodeTries >= mostTries)
                {
                    return ActivateResult.Of(ActivateOutcome.Invalid);
                }

                if (!CryptographicOperations.FixedTimeEquals(codeHash, activation.CodeHash))
                {
                    c.Execute(CountTrySql, new { accountId = accountId.ToBytes() });
                    return ActivateResult.Of(ActivateOutcome.Invalid);
                }

                return Activate(c, accountId, now);
            },
            cancellationToken);

    public Task<Removed?> DiscardAsync(byte[] discardHash, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c => c.QuerySingleOrDefault<byte[]>(FindByDiscardSql, new { discardHash }) is { } accountId ? SqliteAccountStore.Remove(c, Ids.FromBytes(accountId), now) : null,
            cancellationToken);

    public Task<RemailResult?> RemailAsync(Guid accountId, Func<ActivationRow, Remail> plan, RequestKey request, Func<NewActivation, byte[]> respond, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                if (SqliteRequests.Find(c, request) is { } former)
                {
                    return new RemailResult(null, former);
                }

                if (Replace(c, accountId, plan) is not { } remail)
                {
                    return null;
                }

                if (remail is not Remail.Allowed allowed)
                {
                    return new RemailResult(remail, null);
                }

                var response = respond(allowed.Activation);
                SqliteRequests.Remember(c, request, response, allowed.Activation.MailedAt);
                return new RemailResult(remail, response);
            },
            cancellationToken);

    public Task<bool> RecordFailedSignInAsync(IReadOnlyList<CounterStep> failure, PendingRemail? pending, BlockedSignIn? blocked, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                var counter = SqliteGuardStore.Record(c, failure)[0];
                if (pending is not null)
                {
                    Replace(c, pending.AccountId, pending.Plan);
                }

                if (blocked is null || counter.Failures != blocked.AtFailures || SqliteAccountStore.Find(c, blocked.AccountId) is null)
                {
                    return false;
                }

                SqliteSecurityLog.Append(c, blocked.AccountId, blocked.Note, counter.LastAt);
                return true;
            },
            cancellationToken);

    /// <summary>For the unit that creates the account.</summary>
    public static void Insert(SqliteConnection connection, Guid accountId, NewActivation activation) => connection.Execute(InsertSql, new
    {
        accountId = accountId.ToBytes(),
        tokenHash = activation.TokenHash,
        discardHash = activation.DiscardHash,
        codeHash = activation.CodeHash,
        expiresAt = activation.ExpiresAt.ToStored(),
        mailedAt = activation.MailedAt.ToStored(),
    });

    /// <summary>The activated account wins its address: those that are still pending there are removed.</summary>
    public static IReadOnlyList<Removed> RemoveOthers(SqliteConnection connection, AccountRow activated, DateTimeOffset now) =>
        connection.Query<byte[]>(OtherPendingSql, new { emailKey = activated.EmailKey, accountId = activated.AccountId.ToBytes() })
            .Select(id => SqliteAccountStore.Remove(connection, Ids.FromBytes(id), now))
            .ToList();

    private static ActivateResult Activate(SqliteConnection connection, Guid accountId, DateTimeOffset now)
    {
        var pending = SqliteAccountStore.Find(connection, accountId) ?? throw new InvalidOperationException("An activation has no account.");
        if (SqliteAccountStore.FindActive(connection, pending.EmailKey) is not null)
        {
            return ActivateResult.Of(ActivateOutcome.EmailInUse);
        }

        connection.Execute(ActivateSql, new { accountId = accountId.ToBytes() });
        SqliteIdentityStore.Activate(connection, accountId);
        connection.Execute(DeleteSql, new { accountId = accountId.ToBytes() });
        SqliteSecurityLog.Append(connection, accountId, new SecurityNote(SecurityEventKind.AccountActivated, Actor.Anonymous), now);
        var removed = RemoveOthers(connection, pending, now);
        return new ActivateResult(ActivateOutcome.Activated, SqliteAccountStore.Find(connection, accountId), removed, SqliteSessionStore.LiveOf(connection, accountId));
    }

    /// <summary>Replaces what was mailed and queues the new mail, where the plan allows it; null where the account is not pending.</summary>
    public static Remail? Replace(SqliteConnection connection, Guid accountId, Func<ActivationRow, Remail> plan)
    {
        if (Find(connection, accountId) is not { } activation)
        {
            return null;
        }

        var remail = plan(activation);
        if (remail is Remail.Allowed allowed)
        {
            connection.Execute(ReplaceSql, new
            {
                accountId = accountId.ToBytes(),
                tokenHash = allowed.Activation.TokenHash,
                discardHash = allowed.Activation.DiscardHash,
                codeHash = allowed.Activation.CodeHash,
                expiresAt = allowed.Activation.ExpiresAt.ToStored(),
                mailedAt = allowed.Activation.MailedAt.ToStored(),
                dayStartedAt = allowed.DayStartedAt.ToStored(),
                mailsInDay = allowed.MailsInDay,
            });
            SqliteMailOutbox.Insert(connection, allowed.Mail);
        }

        return remail;
    }

    private static ActivationRow? Find(SqliteConnection connection, Guid accountId) =>
        ToRow(connection.QuerySingleOrDefault<Stored>(FindSql, new { accountId = accountId.ToBytes() }));

    private static ActivationRow? FindByToken(SqliteConnection connection, byte[] tokenHash) =>
        ToRow(connection.QuerySingleOrDefault<Stored>(FindByTokenSql, new { tokenHash }));

    private static ActivationRow? ToRow(Stored? stored) => stored is null ? null : new ActivationRow
    {
        AccountId = Ids.FromBytes(stored.AccountId),
        CodeHash = stored.CodeHash,
        CodeTries = (int)stored.CodeTries,
        ExpiresAt = stored.ExpiresAt.ToTime(),
        MailedAt = stored.MailedAt.ToTime(),
        DayStartedAt = stored.DayStartedAt.ToTime(),
        MailsInDay = (int)stored.MailsInDay,
    };

    private sealed record Stored
    {
        public required byte[] AccountId { get; init; }
        public required byte[] CodeHash { get; init; }
        public required long CodeTries { get; init; }
        public required long ExpiresAt { get; init; }
        public required long MailedAt { get; init; }
        public required long DayStartedAt { get; init; }
        public required long MailsInDay { get; init; }
    }
}
