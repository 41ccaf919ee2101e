using Dapper;
using Kpm.Client.Kpm1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Storage;

/// <summary>What this device keeps: its identity, its session, and where its copy of the vault stands.</summary>
internal sealed class LocalStore : IDisposable
{
    private readonly LocalDatabase _database;
    private long _ownWrites;

    private LocalStore(string folder, LocalDatabase database)
    {
        Folder = folder;
        _database = database;
    }

    public string Folder { get; }

    public static LocalStore Open(string folder)
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder);
            }
            else
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            return new LocalStore(folder, LocalDatabase.Open(Path.Combine(folder, "client.db")));
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or SqliteException)
        {
            throw new LocalStoreException($"The data folder {folder} can't be used ({failed.Message}). Choose another one, or make it writable.", failed);
        }
    }

    public T Read<T>(Func<SqliteConnection, T> read) => _database.Read(read);

    public T Write<T>(Func<SqliteConnection, T> unit)
    {
        var result = _database.Write(unit);
        Interlocked.Increment(ref _ownWrites);
        return result;
    }

    /// <summary>Rises with every write of this process; DataVersion shows those of others.</summary>
    public long OwnWrites => Interlocked.Read(ref _ownWrites);

    public long DataVersion() => _database.DataVersion();

    public void Dispose() => _database.Dispose();

    /// <summary>The device of this folder; made at the first call.</summary>
    public DeviceRow Device(TimeProvider time) => Write(connection =>
    {
        var known = connection.QuerySingleOrDefault<DeviceRow>("SELECT device_id AS DeviceId, signing_key AS SigningKey, agreement_public AS AgreementPublic, agreement_key AS AgreementKey FROM device");
        return known ?? NewDevice(connection, time);
    });

    /// <summary>
    /// Another identity for this folder, after the server refused the old one. Operation numbers go on
    /// rising, so that what the old one had queued keeps its place until it is made anew.
    /// </summary>
    public DeviceRow ReplaceDevice(TimeProvider time) => Write(connection =>
    {
        connection.Execute("DELETE FROM device");
        return NewDevice(connection, time);
    });

    public static void SetAgreementKey(SqliteConnection connection, byte[] publicKey, byte[] sealedKey) =>
        connection.Execute("UPDATE device SET agreement_public = @publicKey, agreement_key = @sealedKey", new { publicKey, sealedKey });

    public static byte[]? SealedAgreementKey(SqliteConnection connection) => connection.ExecuteScalar<byte[]?>("SELECT agreement_key FROM device");

    public SessionRow? Session() => Read(connection => connection.QuerySingleOrDefault<SessionRow>(
        """
        SELECT server AS Server, account_id AS AccountId, email AS Email, session_id AS SessionId, access_token AS AccessToken,
            access_expires_ms AS AccessExpiresMs, refresh_token AS RefreshToken, refresh_expires_ms AS RefreshExpiresMs, keys_held_ms AS KeysHeldMs
        FROM session
        """));

    /// <summary>Connects the folder to an account; its vault begins empty unless the account is the same as before.</summary>
    public void Connect(SessionRow session) => Write(connection =>
    {
        var vault = Vault(connection);
        if (vault is not null && vault.Account != session.Account)
        {
            throw new LocalStoreException("This data folder holds the vault of another account. Choose another folder for this one.");
        }

        WriteSession(connection, session);
        connection.Execute("UPDATE device SET linked = 1");
        return connection.Execute(
            """
            INSERT INTO vault(one, server, account_id, email, generation, seq, chain_hash, last_generation, key_epoch, least_iterations, last_op_seq)
            VALUES (1, @Server, @AccountId, @Email, 0, 0, zeroblob(32), 0, 1, 0, 0)
            ON CONFLICT (one) DO UPDATE SET server = @Server, email = @Email
            """,
            session);
    });

    public void SaveSession(SessionRow session) => Write(connection => WriteSession(connection, session));

    public void EndSession() => Write(connection => connection.Execute("DELETE FROM session"));

    /// <summary>The hold on the keys has ended before its time.</summary>
    public void EndHoldOnKeys() => Write(connection => connection.Execute("UPDATE session SET keys_held_ms = NULL"));

    /// <summary>True once the server has connected this device to an account.</summary>
    public bool IsDeviceLinked() => Read(connection => connection.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM device WHERE linked = 1)"));

    /// <summary>What spares this device the second step; null for nothing.</summary>
    public string? TrustedDeviceToken() => Read(connection => connection.ExecuteScalar<string?>("SELECT trusted_token FROM device"));

    public void SetTrustedDeviceToken(string? token) => Write(connection => connection.Execute("UPDATE device SET trusted_token = @token", new { token }));

    public VaultRow? Vault() => Read(Vault);

    public static VaultRow? Vault(SqliteConnection connection) => connection.QuerySingleOrDefault<VaultRow>(
        """
        SELECT server AS Server, account_id AS AccountId, email AS Email, generation AS Generation, seq AS Seq, chain_hash AS ChainHash,
            last_generation AS LastGeneration, key_epoch AS KeyEpoch, least_iterations AS LeastIterations, last_op_seq AS LastOpSeq,
            keyset AS Keyset, keyset_header AS KeysetHeader, snapshot_seq AS SnapshotSeq, restoring AS Restoring, keys_behind AS KeysBehind
        FROM vault
        """);

    /// <summary>Remembers the keyset that was opened, and the strength that is never to be undercut.</summary>
    public void SaveKeyset(byte[] keyset, byte[]? header, ulong generation, uint iterations) => Write(connection => connection.Execute(
        """
        UPDATE vault SET keyset = @keyset, keyset_header = @header, keys_behind = 0, least_iterations = max(least_iterations, @iterations),
            generation = CASE WHEN generation = 0 THEN @generation ELSE generation END
        """,
        new { keyset, header, generation = (long)generation, iterations = (long)iterations }));

    /// <summary>Another device was first to make the vault: this one's keyset never counted.</summary>
    public void ForgetKeyset() => Write(connection =>
        connection.Execute("UPDATE vault SET keyset = NULL, keyset_header = NULL, least_iterations = 0 WHERE seq = 0")
        + connection.Execute("UPDATE device SET agreement_public = NULL, agreement_key = NULL"));

    /// <summary>The vault has keys that this device could not take over by itself.</summary>
    public static void SetKeysBehind(SqliteConnection connection) => connection.Execute("UPDATE vault SET keys_behind = 1");

    private static int WriteSession(SqliteConnection connection, SessionRow session) => connection.Execute(
        """
        INSERT OR REPLACE INTO session(one, server, account_id, email, session_id, access_token, access_expires_ms, refresh_token, refresh_expires_ms, keys_held_ms)
        VALUES (1, @Server, @AccountId, @Email, @SessionId, @AccessToken, @AccessExpiresMs, @RefreshToken, @RefreshExpiresMs, @KeysHeldMs)
        """,
        session);

    private static DeviceRow NewDevice(SqliteConnection connection, TimeProvider time)
    {
        using var key = P256.NewSigningKey();
        var device = new DeviceRow
        {
            DeviceId = Guid.CreateVersion7(time.GetUtcNow()).ToBytes(),
            SigningKey = key.ExportPkcs8PrivateKey(),
        };
        connection.Execute("INSERT INTO device(one, device_id, signing_key) VALUES (1, @DeviceId, @SigningKey)", device);
        return device;
    }
}

internal static class GuidBytes
{
    /// <summary>The 16 bytes in the order of RFC 9562.</summary>
    public static byte[] ToBytes(this Guid id) => id.ToByteArray(bigEndian: true);

    public static string ToText(this Guid id) => id.ToString("D");
}
