using Dapper;
using Kpm.Server.Accounts.Hints;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteHintStore(SqliteDatabase database) : IHintStore
{
    /// <summary>Live sessions of activated accounts that are neither suspended nor about to be deleted.</summary>
    private const string Live = """
          FROM device d
          JOIN session s ON s.device_id = d.device_id AND s.ended_at IS NULL AND s.refresh_expires_at > @now AND s.ends_at > @now
          JOIN account a ON a.account_id = d.account_id AND a.state = 2 AND a.suspended_at IS NULL AND a.deletes_at IS NULL
         WHERE d.shared_key = @sharedKey AND d.revoked_at IS NULL
        """;

    // With max() alone, SQLite takes the other columns from the row that has it.
    private const string ListSql = """
        SELECT a.account_id AS AccountId, a.email AS Email, a.password_hash IS NOT NULL AS HasPassword, d.application_id AS ApplicationId, max(s.created_at) AS SignedInAt
        """ + "\n" + Live + "\n GROUP BY a.account_id ORDER BY max(s.created_at) DESC LIMIT @most";

    private const string HasSql = "SELECT 1\n" + Live + " AND d.account_id = @accountId LIMIT 1";

    public ValueTask<IReadOnlyList<HintRow>> ListAsync(byte[] sharedKey, DateTimeOffset now, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<HintRow>>(database.Read(c => c.Query<Stored>(ListSql, new { sharedKey, now = now.ToStored(), most })
            .Select(s => new HintRow
            {
                AccountId = Ids.FromBytes(s.AccountId),
                Email = s.Email,
                HasPassword = s.HasPassword != 0,
                ApplicationId = s.ApplicationId,
                SignedInAt = s.SignedInAt.ToTime(),
            })
            .ToList()));

    public ValueTask<bool> HasAsync(byte[] sharedKey, Guid accountId, DateTimeOffset now, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => c.QuerySingleOrDefault<long?>(HasSql, new { sharedKey, accountId = accountId.ToBytes(), now = now.ToStored() })) is not null);

    private sealed record Stored
    {
        public required byte[] AccountId { get; init; }
        public required string Email { get; init; }
        public required long HasPassword { get; init; }
        public required string ApplicationId { get; init; }
        public required long SignedInAt { get; init; }
    }
}
