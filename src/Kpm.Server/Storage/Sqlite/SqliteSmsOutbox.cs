using Dapper;
using Kpm.Server.Messaging;
using Kpm.Server.Messaging.Sms;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteSmsOutbox(SqliteDatabase database) : ISmsOutbox
{
    private const string InsertSql = """
        INSERT INTO sms (sms_id, sealed, created_at, expires_at, next_attempt_at, attempts) VALUES (@smsId, @content, @createdAt, @expiresAt, @createdAt, 0)
        """;

    private const string DueSql = """
        SELECT sms_id AS SmsId, sealed AS Sealed, expires_at AS ExpiresAt, attempts AS Attempts FROM sms WHERE next_attempt_at <= @now ORDER BY next_attempt_at LIMIT @most
        """;

    private const string NextSql = "SELECT min(next_attempt_at) FROM sms";

    private const string DeleteSql = "DELETE FROM sms WHERE sms_id = @smsId";

    private const string PostponeSql = "UPDATE sms SET next_attempt_at = @nextAttemptAt, attempts = attempts + 1 WHERE sms_id = @smsId";

    public ValueTask<IReadOnlyList<WaitingMessage>> DueAsync(DateTimeOffset now, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<WaitingMessage>>(database.Read(c => c.Query<Stored>(DueSql, new { now = now.ToStored(), most })
            .Select(s => new WaitingMessage { MessageId = Ids.FromBytes(s.SmsId), Sealed = s.Sealed, ExpiresAt = s.ExpiresAt.ToTime(), Attempts = (int)s.Attempts })
            .ToList()));

    public ValueTask<DateTimeOffset?> NextAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => c.QuerySingle<long?>(NextSql)).ToTime());

    public Task RemoveAsync(Guid messageId, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(DeleteSql, new { smsId = messageId.ToBytes() }), cancellationToken);

    public Task PostponeAsync(Guid messageId, DateTimeOffset nextAttemptAt, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(PostponeSql, new { smsId = messageId.ToBytes(), nextAttemptAt = nextAttemptAt.ToStored() }), cancellationToken);

    /// <summary>For the units of other stores: a message goes into the transaction that it is about.</summary>
    public static void Insert(SqliteConnection connection, OutgoingSms sms) => connection.Execute(InsertSql, new
    {
        smsId = sms.SmsId.ToBytes(),
        content = sms.Sealed,
        createdAt = sms.CreatedAt.ToStored(),
        expiresAt = sms.ExpiresAt.ToStored(),
    });

    private sealed record Stored
    {
        public required byte[] SmsId { get; init; }
        public required byte[] Sealed { get; init; }
        public required long ExpiresAt { get; init; }
        public required long Attempts { get; init; }
    }
}
