using Dapper;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteAccountStore(SqliteDatabase database) : IAccountStore
{
    private const string Columns = """
        SELECT a.account_id AS AccountId, a.email AS Email, a.email_key AS EmailKey, a.password_hash AS PasswordHash, a.state AS State, a.region AS Region,
               a.language AS Language, a.created_at AS CreatedAt, a.lapses_at AS LapsesAt,
               EXISTS (SELECT 1 FROM authenticator f WHERE f.account_id = a.account_id) OR EXISTS (SELECT 1 FROM phone f WHERE f.account_id = a.account_id) AS TwoStepEnabled,
               a.password_reset_at AS PasswordResetAt, a.suspended_at AS SuspendedAt, a.deletes_at AS DeletesAt,
               coalesce((SELECT given FROM consent c WHERE c.account_id = a.account_id ORDER BY decided_at DESC LIMIT 1), 0) AS MarketingConsent
          FROM account a
        """;

    private const string FindSql = Columns + " WHERE a.account_id = @accountId";

    private const string FindActiveSql = Columns + " WHERE a.email_key = @emailKey AND a.state = 2";

    private const string FindPendingSql = Columns + """
         WHERE a.email_key = @emailKey AND a.state = 1
         ORDER BY EXISTS (SELECT 1 FROM device d WHERE d.device_id = @deviceId AND d.account_id = a.account_id) DESC, a.created_at DESC LIMIT 1
        """;

    private const string CountInDaySql = """
        SELECT count(*) AS Registrations, min(created_at) AS FirstAt FROM account WHERE email_key = @emailKey AND created_at > @since
        """;

    private const string InsertAccountSql = """
        INSERT INTO account (account_id, email, email_key, password_hash, state, region, language, created_at, lapses_at)
        VALUES (@accountId, @email, @emailKey, @passwordHash, @state, @region, @language, @createdAt, @lapsesAt)
        """;

    private const string InsertConsentSql = """
        INSERT INTO consent (account_id, decided_at, given, text_version, source) VALUES (@accountId, @decidedAt, @given, @textVersion, @source)
        """;

    private const string LastConsentSql = "SELECT max(decided_at) FROM consent WHERE account_id = @accountId";

    private const string SetLanguageSql = "UPDATE account SET language = @language WHERE account_id = @accountId";

    private const string SetPasswordHashSql = """
        UPDATE account SET password_hash = @hash WHERE account_id = @accountId AND password_hash = @formerHash
        """;

    private const string LapsedSql = "SELECT account_id FROM account WHERE state = 1 AND lapses_at <= @now ORDER BY lapses_at LIMIT @most";

    private const string DeleteAccountSql = "DELETE FROM account WHERE account_id = @accountId";

    private const string InsertRemovedVaultSql = "INSERT OR IGNORE INTO removed_vault (account_id, removed_at) VALUES (@accountId, @now)";

    private const string OldestRemovedVaultSql = "SELECT account_id FROM removed_vault ORDER BY account_id LIMIT 1";

    private const string DeleteChangesSql = """
        DELETE FROM change WHERE id IN (SELECT id FROM change WHERE account_id = @accountId ORDER BY seq LIMIT @most)
        """;

    private const string DeleteResultsSql = "DELETE FROM op_result WHERE account_id = @accountId";

    private const string DeleteProgressSql = "DELETE FROM device_progress WHERE account_id = @accountId";

    private const string DeleteTrashSql = """
        DELETE FROM trash WHERE account_id = @accountId AND item_id IN (SELECT item_id FROM trash WHERE account_id = @accountId LIMIT @most)
        """;

    private const string DeleteRefsSql = """
        DELETE FROM attachment_ref WHERE account_id = @accountId AND (attachment_id, subject_id, rev) IN (
            SELECT attachment_id, subject_id, rev FROM attachment_ref WHERE account_id = @accountId LIMIT @most)
        """;

    // The files have to go too: the job that removes attachments does both.
    private const string ExpireAttachmentsSql = """
        UPDATE attachment SET expires_at = 0 WHERE account_id = @accountId AND attachment_id IN (
            SELECT attachment_id FROM attachment WHERE account_id = @accountId AND expires_at IS NOT 0 LIMIT @most)
        """;

    private const string DeleteVaultSql = "DELETE FROM vault WHERE account_id = @accountId";

    private const string DeleteRemovedVaultSql = "DELETE FROM removed_vault WHERE account_id = @accountId";

    public ValueTask<AccountRow?> FindAsync(Guid accountId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => Find(c, accountId)));

    public ValueTask<AccountRow?> FindActiveAsync(string emailKey, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => FindActive(c, emailKey)));

    public ValueTask<AccountRow?> FindPendingAsync(string emailKey, Guid deviceId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => FindPending(c, emailKey, deviceId)));

    public Task<CreateResult> CreateAsync(NewAccount account, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Create(c, account), cancellationToken);

    public Task<byte[]?> UpdateAsync(SettingsChange change, Func<AccountRow, byte[]> respond, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Update(c, change, respond), cancellationToken);

    public Task SetPasswordHashAsync(Guid accountId, string formerHash, string hash, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(SetPasswordHashSql, new { accountId = accountId.ToBytes(), formerHash, hash }), cancellationToken);

    public Task<IReadOnlyList<Removed>> RemoveLapsedAsync(DateTimeOffset now, int most, CancellationToken cancellationToken) =>
        database.WriteAsync<IReadOnlyList<Removed>>(
            c => c.Query<byte[]>(LapsedSql, new { now = now.ToStored(), most }).Select(id => Remove(c, Ids.FromBytes(id), now)).ToList(),
            cancellationToken);

    public Task<bool> EmptyRemovedVaultAsync(int most, CancellationToken cancellationToken) =>
        database.WriteAsync(c => EmptyRemovedVault(c, most), cancellationToken);

    /// <summary>For the units of other stores.</summary>
    public static AccountRow? Find(SqliteConnection connection, Guid accountId) =>
        ToRow(connection.QuerySingleOrDefault<Stored>(FindSql, new { accountId = accountId.ToBytes() }));

    public static AccountRow? FindPending(SqliteConnection connection, string emailKey, Guid deviceId) =>
        ToRow(connection.QuerySingleOrDefault<Stored>(FindPendingSql, new { emailKey, deviceId = deviceId.ToBytes() }));

    public static AccountRow? FindActive(SqliteConnection connection, string emailKey) =>
        ToRow(connection.QuerySingleOrDefault<Stored>(FindActiveSql, new { emailKey }));

    /// <summary>Removes an account with its devices and sessions; its vault, which may be large, is emptied by a job.</summary>
    public static Removed Remove(SqliteConnection connection, Guid accountId, DateTimeOffset now)
    {
        var removed = new Removed(accountId, SqliteSessionStore.LiveOf(connection, accountId));
        connection.Execute(InsertRemovedVaultSql, new { accountId = accountId.ToBytes(), now = now.ToStored() });
        connection.Execute(DeleteAccountSql, new { accountId = accountId.ToBytes() });
        return removed;
    }

    private static CreateResult Create(SqliteConnection connection, NewAccount create)
    {
        var account = create.Account;
        if (FindActive(connection, account.EmailKey) is not null)
        {
            return new CreateResult(CreateOutcome.EmailInUse);
        }

        var day = TimeSpan.FromDays(1);
        var (registrations, firstAt) = connection.QuerySingle<(int, long?)>(CountInDaySql, new { emailKey = account.EmailKey, since = (account.CreatedAt - day).ToStored() });
        if (registrations >= create.MostInDay)
        {
            return new CreateResult(CreateOutcome.TooMany, firstAt!.Value.ToTime() + day);
        }

        if (SqliteDeviceStore.Find(connection, create.Device.DeviceId) is not null)
        {
            return new CreateResult(CreateOutcome.DeviceConflict);
        }

        if (create.Identity is { } identity && SqliteIdentityStore.Refuses(connection, identity, account.CreatedAt) is { } refusal)
        {
            return new CreateResult(refusal);
        }

        connection.Execute(InsertAccountSql, new
        {
            accountId = account.AccountId.ToBytes(),
            email = account.Email,
            emailKey = account.EmailKey,
            passwordHash = account.PasswordHash,
            state = (int)account.State,
            region = account.Region,
            language = account.Language,
            createdAt = account.CreatedAt.ToStored(),
            lapsesAt = account.LapsesAt.ToStored(),
        });
        Insert(connection, account.AccountId, create.Consent);
        SqliteDeviceStore.Insert(connection, create.Device);
        SqliteSessionStore.Insert(connection, create.Session);
        SqliteSecurityLog.Append(connection, account.AccountId, new SecurityNote(SecurityEventKind.AccountCreated, Actor.Anonymous, create.Device.DeviceId), account.CreatedAt);
        if (create.Activation is { } activation)
        {
            SqliteActivationStore.Insert(connection, account.AccountId, activation);
        }

        if (create.Identity is { } registered)
        {
            SqliteIdentityStore.Register(connection, registered, create.Device.DeviceId);
        }

        SqliteMailOutbox.Insert(connection, create.Mail);
        return new CreateResult(CreateOutcome.Created)
        {
            Removed = account.State == AccountState.Active ? SqliteActivationStore.RemoveOthers(connection, account, account.CreatedAt) : [],
        };
    }

    private static byte[]? Update(SqliteConnection connection, SettingsChange change, Func<AccountRow, byte[]> respond)
    {
        if (SqliteRequests.Find(connection, change.Request) is { } former)
        {
            return former;
        }

        if (change.Language is not null)
        {
            connection.Execute(SetLanguageSql, new { accountId = change.AccountId.ToBytes(), language = change.Language });
        }

        if (change.Consent is not null)
        {
            // Decisions of one millisecond keep their order.
            var last = connection.QuerySingle<long?>(LastConsentSql, new { accountId = change.AccountId.ToBytes() }).ToTime();
            var next = last + TimeSpan.FromMilliseconds(1);
            Insert(connection, change.AccountId, next > change.Consent.DecidedAt ? change.Consent with { DecidedAt = next.Value } : change.Consent);
        }

        if (Find(connection, change.AccountId) is not { } account)
        {
            return null;
        }

        if (change.Language is not null || change.Consent is not null)
        {
            SqliteSecurityLog.Record(connection, change.AccountId, change.Entry, change.Now);
        }

        var response = respond(account);
        SqliteRequests.Remember(connection, change.Request, response, change.Now);
        return response;
    }

    private static void Insert(SqliteConnection connection, Guid accountId, ConsentRow consent) => connection.Execute(InsertConsentSql, new
    {
        accountId = accountId.ToBytes(),
        decidedAt = consent.DecidedAt.ToStored(),
        given = consent.Given,
        textVersion = consent.TextVersion,
        source = consent.Source,
    });

    private static bool EmptyRemovedVault(SqliteConnection connection, int most)
    {
        if (connection.QuerySingleOrDefault<byte[]>(OldestRemovedVaultSql) is not { } accountId)
        {
            return false;
        }

        if (connection.Execute(DeleteChangesSql, new { accountId, most }) == 0
            && connection.Execute(DeleteTrashSql, new { accountId, most }) == 0
            && connection.Execute(DeleteRefsSql, new { accountId, most }) == 0
            && connection.Execute(ExpireAttachmentsSql, new { accountId, most }) == 0)
        {
            connection.Execute(DeleteResultsSql, new { accountId });
            connection.Execute(DeleteProgressSql, new { accountId });
            connection.Execute(DeleteVaultSql, new { accountId });
            connection.Execute(DeleteRemovedVaultSql, new { accountId });
        }

        return true;
    }

    private static AccountRow? ToRow(Stored? stored) => stored is null ? null : new AccountRow
    {
        AccountId = Ids.FromBytes(stored.AccountId),
        Email = stored.Email,
        EmailKey = stored.EmailKey,
        PasswordHash = stored.PasswordHash,
        State = (AccountState)stored.State,
        Region = stored.Region,
        Language = stored.Language,
        MarketingConsent = stored.MarketingConsent != 0,
        CreatedAt = stored.CreatedAt.ToTime(),
        LapsesAt = stored.LapsesAt.ToTime(),
        TwoStepEnabled = stored.TwoStepEnabled != 0,
        PasswordResetAt = stored.PasswordResetAt.ToTime(),
        SuspendedAt = stored.SuspendedAt.ToTime(),
        DeletesAt = stored.DeletesAt.ToTime(),
    };

    private sealed record Stored
    {
        public required byte[] AccountId { get; init; }
        public required string Email { get; init; }
        public required string EmailKey { get; init; }
        public required string? PasswordHash { get; init; }
        public required long State { get; init; }
        public required string Region { get; init; }
        public required string Language { get; init; }
        public required long MarketingConsent { get; init; }
        public required long CreatedAt { get; init; }
        public required long? LapsesAt { get; init; }
        public required long TwoStepEnabled { get; init; }
        public required long? PasswordResetAt { get; init; }
        public required long? SuspendedAt { get; init; }
        public required long? DeletesAt { get; init; }
    }
}
