using Dapper;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Storage;

/// <summary>
/// The client's SQLite file. Several processes may have it open (kpm watch beside kpm add): every
/// write is one immediate transaction, durable when it returns.
/// </summary>
internal sealed class LocalDatabase : IDisposable
{
    private const int SchemaVersion = 3;

    private const string Schema = """
        CREATE TABLE device(
            one INTEGER PRIMARY KEY CHECK (one = 1),
            device_id BLOB NOT NULL,
            signing_key BLOB NOT NULL,
            agreement_public BLOB,
            agreement_key BLOB,
            linked INTEGER NOT NULL DEFAULT 0,
            trusted_token TEXT) STRICT;
        CREATE TABLE session(
            one INTEGER PRIMARY KEY CHECK (one = 1),
            server TEXT NOT NULL,
            account_id BLOB NOT NULL,
            email TEXT NOT NULL,
            session_id TEXT NOT NULL,
            access_token TEXT NOT NULL,
            access_expires_ms INTEGER NOT NULL,
            refresh_token TEXT NOT NULL,
            refresh_expires_ms INTEGER NOT NULL,
            keys_held_ms INTEGER) STRICT;
        CREATE TABLE vault(
            one INTEGER PRIMARY KEY CHECK (one = 1),
            server TEXT NOT NULL,
            account_id BLOB NOT NULL,
            email TEXT NOT NULL,
            generation INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            chain_hash BLOB NOT NULL,
            last_generation INTEGER NOT NULL,
            key_epoch INTEGER NOT NULL,
            least_iterations INTEGER NOT NULL,
            last_op_seq INTEGER NOT NULL,
            keyset BLOB,
            keyset_header BLOB,
            snapshot_seq INTEGER NOT NULL DEFAULT 0,
            restoring INTEGER NOT NULL DEFAULT 0,
            keys_behind INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE log(
            seq INTEGER PRIMARY KEY,
            header BLOB NOT NULL,
            signature BLOB NOT NULL,
            chain_hash BLOB NOT NULL) STRICT;
        CREATE TABLE subject(
            subject_id BLOB PRIMARY KEY,
            kind INTEGER NOT NULL,
            rev INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            header BLOB NOT NULL,
            envelope BLOB) STRICT, WITHOUT ROWID;
        CREATE INDEX subject_withheld ON subject(subject_id) WHERE envelope IS NULL;
        CREATE TABLE directory(
            device_id BLOB PRIMARY KEY,
            enrolment INTEGER NOT NULL,
            signing_key BLOB NOT NULL,
            last_op_seq INTEGER NOT NULL,
            observed_seq INTEGER NOT NULL,
            generation INTEGER NOT NULL,
            revoked INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
        CREATE TABLE made(
            device_id BLOB NOT NULL,
            op_seq INTEGER NOT NULL,
            header_hash BLOB NOT NULL,
            PRIMARY KEY (device_id, op_seq)) STRICT, WITHOUT ROWID;
        CREATE TABLE outbox(
            op_seq INTEGER PRIMARY KEY,
            op_id BLOB NOT NULL,
            kind INTEGER NOT NULL,
            subject_id BLOB NOT NULL,
            base_rev INTEGER NOT NULL,
            header BLOB NOT NULL,
            signature BLOB NOT NULL,
            envelope BLOB NOT NULL,
            base_header BLOB,
            base_envelope BLOB,
            state INTEGER NOT NULL,
            refusal TEXT) STRICT;
        CREATE INDEX outbox_subject ON outbox(subject_id, op_seq);
        """;

    /// <summary>
    /// What version 3 added. snapshot_row is a snapshot on its way, which counts only once its root is checked; old_subject and
    /// old_log are the copy from before a restored backup, until what the server lost is in the log again.
    /// </summary>
    private const string SchemaOfVersion3 = """
        CREATE TABLE snapshot_row(
            subject_id BLOB PRIMARY KEY,
            kind INTEGER NOT NULL,
            rev INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            header BLOB NOT NULL,
            header_hash BLOB NOT NULL,
            envelope BLOB) STRICT, WITHOUT ROWID;
        CREATE TABLE old_subject(
            subject_id BLOB PRIMARY KEY,
            kind INTEGER NOT NULL,
            rev INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            header BLOB NOT NULL,
            envelope BLOB) STRICT, WITHOUT ROWID;
        CREATE TABLE old_log(
            header BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
        """;

    /// <summary>What version 2 added: a device that had a vault was linked.</summary>
    private const string FromVersion1 = """
        ALTER TABLE device ADD COLUMN linked INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE device ADD COLUMN trusted_token TEXT;
        ALTER TABLE session ADD COLUMN keys_held_ms INTEGER;
        UPDATE device SET linked = 1 WHERE EXISTS (SELECT 1 FROM vault);
        """;

    private const string FromVersion2 = """
        ALTER TABLE vault ADD COLUMN snapshot_seq INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE vault ADD COLUMN restoring INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE vault ADD COLUMN keys_behind INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE directory ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;
        """;

    private readonly SqliteConnection _connection;
    private readonly Lock _gate = new();

    private LocalDatabase(SqliteConnection connection) => _connection = connection;

    public static LocalDatabase Open(string path)
    {
        CreatePrivateFile(path);
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 30 }.ToString());
        try
        {
            connection.Open();
            connection.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000;");
            var database = new LocalDatabase(connection);
            database.Write(Migrate);
            return database;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public T Read<T>(Func<SqliteConnection, T> read)
    {
        lock (_gate)
        {
            return read(_connection);
        }
    }

    /// <summary>Runs the unit in one transaction that is durable when this returns; a throw leaves nothing of it.</summary>
    public T Write<T>(Func<SqliteConnection, T> unit)
    {
        lock (_gate)
        {
            // Plain statements: a transaction object would have to be handed to every query of the unit.
            _connection.Execute("BEGIN IMMEDIATE");
            try
            {
                var result = unit(_connection);
                _connection.Execute("COMMIT");
                return result;
            }
            catch
            {
                _connection.Execute("ROLLBACK");
                throw;
            }
        }
    }

    /// <summary>Changes when another process has written.</summary>
    public long DataVersion() => Read(connection => connection.ExecuteScalar<long>("PRAGMA data_version"));

    public void Dispose()
    {
        lock (_gate)
        {
            _connection.Dispose();
        }
    }

    private static void CreatePrivateFile(string path)
    {
        if (File.Exists(path))
        {
            return;
        }

        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.ReadWrite };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var created = new FileStream(path, options);
    }

    private static int Migrate(SqliteConnection connection)
    {
        var version = connection.ExecuteScalar<int>("PRAGMA user_version");
        switch (version)
        {
            case 0:
                connection.Execute(Schema + SchemaOfVersion3);
                break;
            case 1:
                connection.Execute(FromVersion1 + FromVersion2 + SchemaOfVersion3);
                break;
            case 2:
                connection.Execute(FromVersion2 + SchemaOfVersion3);
                break;
            case SchemaVersion:
                return version;
            default:
                throw new LocalStoreException("The data folder was written by a newer version of this program; update it.");
        }

        connection.Execute($"PRAGMA user_version = {SchemaVersion}");
        return SchemaVersion;
    }
}
