using Dapper;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.V1;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteExportStore(SqliteDatabase database) : IExportStore
{
    private const string ConsentsSql = """
        SELECT decided_at AS DecidedAt, given AS Given, text_version AS TextVersion, source AS Source
          FROM consent WHERE account_id = @accountId AND decided_at > @after ORDER BY decided_at LIMIT @most
        """;

    private const string SessionsSql = """
        SELECT session_id AS SessionId, device_id AS DeviceId, created_at AS CreatedAt, ended_at AS EndedAt
          FROM session WHERE account_id = @accountId AND session_id > @after ORDER BY session_id LIMIT @most
        """;

    public Task<ExportBounds?> BeginAsync(Guid accountId, SecurityEntry entry, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                if (SqliteAccountStore.Find(c, accountId) is not { } account)
                {
                    return null;
                }

                SqliteSecurityLog.Record(c, accountId, entry, now);
                var head = SqliteSecurityLog.Head(c, accountId);
                return new ExportBounds(account, head.Seq, head.Hash);
            },
            cancellationToken);

    public ValueTask<IReadOnlyList<ConsentRow>> ConsentsAsync(Guid accountId, DateTimeOffset? after, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<ConsentRow>>(database.Read(c => c.Query<StoredConsent>(ConsentsSql, new { accountId = accountId.ToBytes(), after = after.ToStored() ?? long.MinValue, most })
            .Select(s => new ConsentRow { DecidedAt = s.DecidedAt.ToTime(), Given = s.Given != 0, TextVersion = s.TextVersion, Source = s.Source }).ToList()));

    public ValueTask<IReadOnlyList<SessionRecord>> SessionsAsync(Guid accountId, Guid? after, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<SessionRecord>>(database.Read(c => c.Query<StoredSession>(SessionsSql, new { accountId = accountId.ToBytes(), after = (after ?? Guid.Empty).ToBytes(), most })
            .Select(s => new SessionRecord
            {
                SessionId = Ids.FromBytes(s.SessionId).ToWire(),
                DeviceId = Ids.FromBytes(s.DeviceId).ToWire(),
                CreatedAt = Timestamp.FromDateTimeOffset(s.CreatedAt.ToTime()),
                EndedAt = s.EndedAt.ToTime() is { } at ? Timestamp.FromDateTimeOffset(at) : null,
            }).ToList()));

    private sealed record StoredConsent
    {
        public required long DecidedAt { get; init; }
        public required long Given { get; init; }
        public required string TextVersion { get; init; }
        public required string Source { get; init; }
    }

    private sealed record StoredSession
    {
        public required byte[] SessionId { get; init; }
        public required byte[] DeviceId { get; init; }
        public required long CreatedAt { get; init; }
        public required long? EndedAt { get; init; }
    }
}
