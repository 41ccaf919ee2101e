using Dapper;
using Kpm.Server.Accounts;
using Kpm.Server.Rpc;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteDeviceStore(SqliteDatabase database) : IDeviceStore
{
    private const string Columns = """
        SELECT device_id AS DeviceId, account_id AS AccountId, name AS Name, platform AS Platform, application_id AS ApplicationId, application_version AS ApplicationVersion,
               signing_key AS SigningKey, linked_at AS LinkedAt, last_seen_at AS LastSeenAt, revoked_at AS RevokedAt
          FROM device
        """;

    private const string FindSql = Columns + " WHERE device_id = @deviceId";

    private const string ListSql = Columns + """
         WHERE account_id = @accountId AND (linked_at, device_id) < (@linkedAt, @deviceId) ORDER BY linked_at DESC, device_id DESC LIMIT @most
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

    public Task<RevokeResult?> RevokeAsync(Guid accountId, Guid deviceId, DateTimeOffset now, RequestKey request, Func<DeviceRow, byte[]> respond, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                if (SqliteRequests.Find(c, request) is { } former)
                {
                    return new RevokeResult(former, []);
                }

                if (Find(c, deviceId) is not { } device || device.AccountId != accountId)
                {
                    return null;
                }

                c.Execute(RevokeSql, new { deviceId = deviceId.ToBytes(), now = now.ToStored() });
                var ended = SqliteSessionStore.EndOfDevice(c, deviceId, now);
                SqliteFactors.Forget(c, accountId, deviceId);
                var response = respond(device with { RevokedAt = device.RevokedAt ?? now });
                SqliteRequests.Remember(c, request, response, now);
                return new RevokeResult(response, ended);
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
    }
}
