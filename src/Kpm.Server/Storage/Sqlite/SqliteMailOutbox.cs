using Dapper;
using Kpm.Server.Messaging;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteMailOutbox(SqliteDatabase database) : IMailOutbox
{
    private const string InsertSql = """
        INSERT INTO mail (mail_id, sealed, created_at, expires_at, next_attempt_at, attempts) VALUES (@mailId, @content, @createdAt, @expiresAt, @createdAt, 0)
        """;

    private const string DueSql = """
        SELECT mail_id AS MailId, sealed AS Sealed, expires_at AS ExpiresAt, attempts AS Attempts FROM mail WHERE next_attempt_at <= @now ORDER BY next_attempt_at LIMIT @most
        """;

    private const string NextSql = "SELECT min(next_attempt_at) FROM mail";

    private const string DeleteSql = "DELETE FROM mail WHERE mail_id = @mailId";

    private const string PostponeSql = "UPDATE mail SET next_attempt_at = @nextAttemptAt, attempts = attempts + 1 WHERE mail_id = @mailId";

    public ValueTask<IReadOnlyList<WaitingMessage>> DueAsync(DateTimeOffset now, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<WaitingMessage>>(database.Read(c => c.Query<Stored>(DueSql, new { now = now.ToStored(), most })
            .Select(s => new WaitingMessage { MessageId = Ids.FromBytes(s.MailId), Sealed = s.Sealed, ExpiresAt = s.ExpiresAt.ToTime(), Attempts = (int)s.Attempts })
            .ToList()));

    public ValueTask<DateTimeOffset?> NextAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => c.QuerySingle<long?>(NextSql)).ToTime());

    public Task RemoveAsync(Guid messageId, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(DeleteSql, new { mailId = messageId.ToBytes() }), cancellationToken);

    public Task PostponeAsync(Guid messageId, DateTimeOffset nextAttemptAt, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(PostponeSql, new { mailId = messageId.ToBytes(), nextAttemptAt = nextAttemptAt.ToStored() }), cancellationToken);

    /// <summary>For the units of other stores: a mail goes into the transaction that it is about.</summary>
    public static void Insert(SqliteConnection connection, OutgoingMail mail) => connection.Execute(InsertSql, new
    {
        mailId = mail.MailId.ToBytes(),
        content = mail.Sealed,
        createdAt = mail.CreatedAt.ToStored(),
        expiresAt = mail.ExpiresAt.ToStored(),
    });

    private sealed record Stored
    {
        public required byte[] MailId { get; init; }
        public required byte[] Sealed { get; init; }
        public required long ExpiresAt { get; init; }
        public required long Attempts { get; init; }
    }
}
