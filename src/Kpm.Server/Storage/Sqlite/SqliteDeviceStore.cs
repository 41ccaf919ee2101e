using Dapper;
using Kpm.Server.Accounts;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteDeviceStore(SqliteDatabase database) : IDeviceStore
{
    private const string Columns = """
        SELECT d.device_id AS DeviceId, d.account_id AS AccountId, d.name AS Name, d.platform AS Platform, d.application_id AS ApplicationId,
               d.application_version AS ApplicationVersion, d.signing_key AS SigningKey, d.linked_at AS LinkedAt, d.last_seen_at AS LastSeenAt,
               d.revoked_at AS RevokedAt, s.session_id AS SessionId, s.keys_held_until AS KeysHeldUntil
          FROM device d LEFT JOIN session s ON s.device_id = d.device_id AND s.ended_at IS NULL
        """;

    private const string FindSql = Columns + " WHERE d.device_id = @deviceId";

    private const string ListSql = Columns + """
         WHERE d.account_id = @accountId AND (d.linked_at, d.device_id) < (@linkedAt, @deviceId) ORDER BY d.linked_at DESC, d.device_id DESC LIMIT @most
        """;

    private const string InsertSql = """
        INSERT INTO device (device_id, account_id, name, platform, application_id, application_version, signing_key, shared_key, linked_at, last_seen_at)
        VALUES (@deviceId, @accountId, @name, @platform, @applicationId, @applicationVersion, @signingKey, @sharedKey, @linkedAt, @lastSeenAt)
        """;

    private const string UpdateSql = """
        UPDATE device SET name = @name, platform = @platform, application_id = @applicationId, application_version = @applicationVersion, shared_key = @sharedKey, last_seen_at = @lastSeenAt
         WHERE device_id = @deviceId
        """;

    private const string RevokeSql = "UPDATE device SET revoked_at = @now WHERE device_id = @deviceId AND revoked_at IS NULL";

    private const string RenameSql = "UPDATE device SET name = @name WHERE device_id = @deviceId";

    private const string TouchSql = "UPDATE device SET last_seen_at = @at WHERE device_id = @deviceId AND last_seen_at < @at";

    public ValueTask<DeviceRow?> FindAsync(Guid deviceId, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(c => Find(c, deviceId)));

    public ValueTask<IReadOnlyList<DeviceRow>> ListAsync(Guid accountId, DevicePosition? after, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<DeviceRow>>(database.Read(c => c.Query<Stored>(ListSql, new
        {
            accountId = accountId.ToBytes(),
            linkedAt = after is null ? long.MaxValue : after.LinkedAt.ToStored(),
            deviceId = (after?.DeviceId ?? Guid.Empty).ToBytes(),
            most,
        }).Select(ToRow).ToList()));

    public Task<RevokeResult?> RevokeAsync(DeviceRevocation revocation, Func<DeviceRow, byte[]> respond, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                var (deviceId, now) = (revocation.DeviceId, revocation.Now);
                if (SqliteRequests.Find(c, revocation.Request) is { } former)
                {
                    return new RevokeResult(former, []);
                }

                if (Find(c, deviceId) is not { } device || device.AccountId != revocation.AccountId)
                {
                    return null;
                }

                if (c.Execute(RevokeSql, new { deviceId = deviceId.ToBytes(), now = now.ToStored() }) > 0)
                {
                    SqliteSecurityLog.Record(c, revocation.AccountId, revocation.Entry, now);
                }

                var ended = SqliteSessionStore.EndOfDevice(c, deviceId, now);
                SqliteFactors.Forget(c, revocation.AccountId, deviceId);
                var response = respond(device with { RevokedAt = device.RevokedAt ?? now, SessionId = null, KeysHeldUntil = null });
                SqliteRequests.Remember(c, revocation.Request, response, now);
                return new RevokeResult(response, ended);
            },
            cancellationToken);

    public Task<byte[]?> RenameAsync(DeviceRename rename, Func<DeviceRow, byte[]> respond, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                if (SqliteRequests.Find(c, rename.Request) is { } former)
                {
                    return former;
                }

                if (Find(c, rename.DeviceId) is not { } device || device.AccountId != rename.AccountId)
                {
                    return null;
                }

                c.Execute(RenameSql, new { deviceId = rename.DeviceId.ToBytes(), name = rename.Name });
                SqliteSecurityLog.Record(c, rename.AccountId, rename.Entry, rename.Now);
                var response = respond(device with { Name = rename.Name });
                SqliteRequests.Remember(c, rename.Request, response, rename.Now);
                return response;
            },
            cancellationToken);

    public Task TouchAsync(IReadOnlyList<DeviceSeen> seen, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(TouchSql, seen.Select(s => new { deviceId = s.DeviceId.ToBytes(), at = s.At.ToStored() })), cancellationToken);

    /// <summary>For the units of other stores.</summary>
    public static DeviceRow? Find(SqliteConnection connection, Guid deviceId) =>
        connection.QuerySingleOrDefault<Stored>(FindSql, new { deviceId = deviceId.ToBytes() }) is { } stored ? ToRow(stored) : null;

    public static void Insert(SqliteConnection connection, DeviceRow device) => connection.Execute(InsertSql, ToParameters(device));

    public static void Update(SqliteConnection connection, DeviceRow device) => connection.Execute(UpdateSql, ToParameters(device));

    private static object ToParameters(DeviceRow device) => new
    {
        deviceId = device.DeviceId.ToBytes(),
        accountId = device.AccountId.ToBytes(),
        name = device.Name,
        platform = (int)device.Platform,
        applicationId = device.ApplicationId,
        applicationVersion = device.ApplicationVersion,
        signingKey = device.SigningKey,
        sharedKey = device.SharedKey,
        linkedAt = device.LinkedAt.ToStored(),
        lastSeenAt = device.LastSeenAt.ToStored(),
    };

    private static DeviceRow ToRow(Stored stored) => new()
    {
        DeviceId = Ids.FromBytes(stored.DeviceId),
        AccountId = Ids.FromBytes(stored.AccountId),
        Name = stored.Name,
        Platform = (Platform)stored.Platform,
        ApplicationId = stored.ApplicationId,
        ApplicationVersion = stored.ApplicationVersion,
        SigningKey = stored.SigningKey,
        LinkedAt = stored.LinkedAt.ToTime(),
        LastSeenAt = stored.LastSeenAt.ToTime(),
        RevokedAt = stored.RevokedAt.ToTime(),
        SessionId = stored.SessionId is null ? null : Ids.FromBytes(stored.SessionId),
        KeysHeldUntil = stored.KeysHeldUntil.ToTime(),
    };

    private sealed record Stored
    {
        public required byte[] DeviceId { get; init; }
        public required byte[] AccountId { get; init; }
        public required string Name { get; init; }
        public required long Platform { get; init; }
        public required string ApplicationId { get; init; }
        public required string ApplicationVersion { get; init; }
        public required byte[] SigningKey { get; init; }
        public required long LinkedAt { get; init; }
        public required long LastSeenAt { get; init; }
        public required long? RevokedAt { get; init; }
        public required byte[]? SessionId { get; init; }
        public required long? KeysHeldUntil { get; init; }
    }
}
