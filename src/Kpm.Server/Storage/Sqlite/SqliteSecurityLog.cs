using Dapper;
using Kpm.Server.Accounts.Events;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>The accounts' chains of security events, for the units of the stores that they are about.</summary>
internal static class SqliteSecurityLog
{
    private const string LastSql = "SELECT seq AS Seq, hash AS Hash FROM security_event WHERE account_id = @accountId ORDER BY seq DESC LIMIT 1";

    private const string InsertSql = """
        INSERT INTO security_event (account_id, seq, at, kind, actor, device_id, detail, hash) VALUES (@accountId, @seq, @at, @kind, @actor, @deviceId, @detail, @hash)
        """;

    /// <summary>Appends to the account's chain. Once the unit is durable, tell <see cref="SecurityFeed"/>.</summary>
    public static void Append(SqliteConnection connection, Guid accountId, SecurityNote note, DateTimeOffset at)
    {
        var last = connection.QuerySingleOrDefault<Last>(LastSql, new { accountId = accountId.ToBytes() });
        var seq = (last?.Seq ?? 0) + 1;
        connection.Execute(InsertSql, new
        {
            accountId = accountId.ToBytes(),
            seq,
            at = at.ToStored(),
            kind = (int)note.Kind,
            actor = (int)note.Actor,
            deviceId = note.DeviceId?.ToBytes(),
            detail = note.Detail,
            hash = AuditChain.Next(last?.Hash ?? new byte[AuditChain.HashBytes], accountId, (ulong)seq, at, note),
        });
    }

    private sealed record Last
    {
        public required long Seq { get; init; }
        public required byte[] Hash { get; init; }
    }
}
