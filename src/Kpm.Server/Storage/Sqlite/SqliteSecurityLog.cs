using Dapper;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Accounts.Events;
using Kpm.V1;
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
        var last = Head(connection, accountId);
        var seq = last.Seq + 1;
        connection.Execute(InsertSql, new
        {
            accountId = accountId.ToBytes(),
            seq = (long)seq,
            at = at.ToStored(),
            kind = (int)note.Kind,
            actor = (int)note.Actor,
            deviceId = note.DeviceId?.ToBytes(),
            detail = note.Detail,
            hash = AuditChain.Next(last.Hash, accountId, seq, at, note),
        });
    }

    /// <summary>Appends, and tells the owner of an active account by mail.</summary>
    public static void Record(SqliteConnection connection, Guid accountId, SecurityEntry entry, DateTimeOffset at)
    {
        Append(connection, accountId, entry.Note, at);
        if (entry.Mail is { } mail && SqliteAccountStore.Find(connection, accountId) is { State: AccountState.Active } account)
        {
            var device = entry.Note.DeviceId is { } deviceId ? SqliteDeviceStore.Find(connection, deviceId) : null;
            SqliteMailOutbox.Insert(connection, mail(account, device));
        }
    }

    private const string Columns = "SELECT seq AS Seq, at AS At, kind AS Kind, actor AS Actor, device_id AS DeviceId, detail AS Detail, hash AS Hash FROM security_event";

    private const string AfterSql = Columns + " WHERE account_id = @accountId AND seq > @seq ORDER BY seq LIMIT @most";

    private const string BeforeSql = Columns + " WHERE account_id = @accountId AND seq < @seq ORDER BY seq DESC LIMIT @most";

    /// <summary>The number of the account's newest event; 0 before the first.</summary>
    public static ulong LastSeq(SqliteConnection connection, Guid accountId) => Head(connection, accountId).Seq;

    /// <summary>Number and hash of the account's newest event; 0 and zeros before the first.</summary>
    public static (ulong Seq, byte[] Hash) Head(SqliteConnection connection, Guid accountId) =>
        connection.QuerySingleOrDefault<Last>(LastSql, new { accountId = accountId.ToBytes() }) is { } last ? ((ulong)last.Seq, last.Hash) : (0, new byte[AuditChain.HashBytes]);

    /// <summary>The events after one, in their order.</summary>
    public static IReadOnlyList<SecurityEvent> After(SqliteConnection connection, Guid accountId, ulong seq, int most) =>
        connection.Query<Stored>(AfterSql, new { accountId = accountId.ToBytes(), seq = (long)seq, most }).Select(ToContract).ToList();

    /// <summary>The events before one, newest first.</summary>
    public static IReadOnlyList<SecurityEvent> Before(SqliteConnection connection, Guid accountId, ulong seq, int most) =>
        connection.Query<Stored>(BeforeSql, new { accountId = accountId.ToBytes(), seq = (long)seq, most }).Select(ToContract).ToList();

    private static SecurityEvent ToContract(Stored stored) => new()
    {
        Seq = (ulong)stored.Seq,
        Time = Timestamp.FromDateTimeOffset(stored.At.ToTime()),
        Kind = (SecurityEventKind)stored.Kind,
        Actor = (Actor)stored.Actor,
        DeviceId = stored.DeviceId is null ? "" : Ids.FromBytes(stored.DeviceId).ToWire(),
        Detail = stored.Detail,
        Hash = ByteString.CopyFrom(stored.Hash),
    };

    private sealed record Stored
    {
        public required long Seq { get; init; }
        public required long At { get; init; }
        public required long Kind { get; init; }
        public required long Actor { get; init; }
        public required byte[]? DeviceId { get; init; }
        public required string Detail { get; init; }
        public required byte[] Hash { get; init; }
    }

    private sealed record Last
    {
        public required long Seq { get; init; }
        public required byte[] Hash { get; init; }
    }
}
