using System.Collections.Concurrent;
using Dapper;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// The server's database: one file, one process, one connection that writes. Writes are grouped by the writer thread and
/// are durable (WAL, synchronous=FULL) when their task completes; reads run on the caller's thread, on pooled read-only
/// connections, and see committed and synced data only.
/// </summary>
internal sealed class SqliteDatabase : IDisposable
{
    /// <summary>
    /// Bytes of a page, of new databases. A Push writes its row and two index entries of 40 bytes, each on a page that its account
    /// shares with nobody, and the log takes whole pages: 4 KiB write a third more for a Push, and 1 KiB cost two reads a row.
    /// </summary>
    public const int PageSize = 2048;

    /// <summary>Most units in one transaction: enough to hide the sync's cost, small enough to keep the first one's wait short.</summary>
    public const int MaxUnitsPerGroup = 256;

    /// <summary>Most units waiting: about a quarter of a second of work, after that an honest refusal beats a growing queue.</summary>
    public const int MaxQueuedUnits = 4096;

    /// <summary>Most read-only connections kept open; more are opened under a peak and closed after it.</summary>
    private const int MaxPooledReaders = 16;

    private readonly string _path;
    private readonly FileStream _lock;
    private readonly SqliteConnection _connection;
    private readonly WriterThread _writer;
    private readonly ConcurrentBag<SqliteReader> _readers = [];
    private int _disposed;

    private SqliteDatabase(string path, FileStream lockFile, SqliteConnection connection, int maxQueuedUnits, bool writerThread, IFatalExit fatal, ILogger logger)
    {
        _path = path;
        _lock = lockFile;
        _connection = connection;
        WriterStatements = new PreparedStatements(connection);
        _writer = new WriterThread(connection, maxQueuedUnits, fatal, logger, writerThread);
    }

    internal WriterThread Writer => _writer;

    /// <summary>Statements on the writer's connection; for use on the writer thread only.</summary>
    public PreparedStatements WriterStatements { get; }

    /// <summary>Opens or creates the database and brings its schema up to date.</summary>
    /// <param name="path">The file. Its folder is created when missing, readable by its owner only.</param>
    /// <param name="fatal">Ends the process after a failed sync.</param>
    /// <param name="time">Dates the record of migrations.</param>
    /// <param name="logger">Told about migrations and refused groups.</param>
    /// <param name="migrations">For tests; the program's own when null.</param>
    /// <param name="maxQueuedUnits">For tests: the queue's bound.</param>
    /// <param name="writerThread">For the simulator: false, and the writer works when it is told to.</param>
    /// <exception cref="StartException">The folder or the file can't be used; its message says why.</exception>
    public static SqliteDatabase Open(
        string path,
        IFatalExit fatal,
        TimeProvider time,
        ILogger<SqliteDatabase> logger,
        IReadOnlyList<Migration>? migrations = null,
        int maxQueuedUnits = MaxQueuedUnits,
        bool writerThread = true)
    {
        path = Path.GetFullPath(path);
        var lockFile = DatabaseFiles.Prepare(path, new Files.DiskSync());
        SqliteConnection? connection = null;
        try
        {
            connection = OpenWriter(path);
            SyncRecoveredLog(connection, logger);
            new MigrationRunner(migrations ?? Migration.Embedded(), time, logger).Run(connection, path);
            return new SqliteDatabase(path, lockFile, connection, maxQueuedUnits, writerThread, fatal, logger);
        }
        catch (Exception e)
        {
            if (connection is not null && StorageFailure.LeavesTheDiskUnknown(e))
            {
                LeaveTheLog(connection);
            }

            connection?.Dispose();
            lockFile.Dispose();
            if (e is SqliteException failure)
            {
                throw new StartException(Explain(failure, path), failure);
            }

            throw;
        }
    }

    /// <summary>
    /// Runs a unit on the writer thread, in its own savepoint. The task completes once the unit is durable. A throw rolls
    /// the unit back, and the task fails with it. Cancellation counts until the unit begins.
    /// </summary>
    /// <exception cref="StorageBusyException">The queue is full.</exception>
    /// <exception cref="StorageUnavailableException">The disk refused, or the server is stopping.</exception>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> unit, CancellationToken cancellationToken)
    {
        var write = new WriteUnit<T>(unit, cancellationToken);
        _writer.Enqueue(write);
        return write.Task;
    }

    /// <inheritdoc cref="WriteAsync{T}(Func{SqliteConnection, T}, CancellationToken)"/>
    public Task WriteAsync(Action<SqliteConnection> unit, CancellationToken cancellationToken) =>
        WriteAsync<object?>(
            connection =>
            {
                unit(connection);
                return null;
            },
            cancellationToken);

    /// <summary>Queues a unit whose outcome comes through its own members.</summary>
    public void Write(WriteUnit unit) => _writer.Enqueue(unit);

    /// <summary>Runs a query on a read-only connection: all its statements see one snapshot of the committed data. Keep it short: a reader holds back the checkpoint.</summary>
    public T Read<T>(Func<SqliteConnection, T> query) => ReadPrepared(reader => query(reader.Connection));

    /// <summary><see cref="Read{T}"/> for a hot path: the reader keeps prepared statements.</summary>
    public T ReadPrepared<T>(Func<SqliteReader, T> query)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        if (!_readers.TryTake(out var reader))
        {
            reader = new SqliteReader(_path);
        }

        try
        {
            var result = reader.Read(query);
            Return(reader);
            return result;
        }
        catch
        {
            // Whatever went wrong, the next query gets a connection without a past.
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Writes what is queued, then closes. The last connection to close is the writer's, which empties the log.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _writer.Dispose();
        while (_readers.TryTake(out var reader))
        {
            reader.Dispose();
        }

        WriterStatements.Dispose();
        if (_writer.IsDead)
        {
            LeaveTheLog(_connection);
        }

        _connection.Dispose();
        _lock.Dispose();
    }

    private void Return(SqliteReader reader)
    {
        if (_readers.Count >= MaxPooledReaders || Volatile.Read(ref _disposed) != 0)
        {
            reader.Dispose();
        }
        else
        {
            _readers.Add(reader);
        }
    }

    private static SqliteConnection OpenWriter(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWrite,
            Pooling = false,
        }.ToString());
        try
        {
            connection.Open();

            // Counts for a file that is still empty; it has to come before the journal mode.
            connection.Execute($"PRAGMA page_size = {PageSize}");
            if (connection.ExecuteScalar<string>("PRAGMA journal_mode = WAL") != "wal")
            {
                throw new StartException($"The database {path} can't be put into WAL mode: its folder is on a file system without shared memory. Use a local disk.");
            }

            // temp_store: savepoints keep the pages they may have to restore in memory, not in a temporary file.
            connection.Execute("""
                PRAGMA synchronous = FULL;
                PRAGMA wal_autocheckpoint = 0;
                PRAGMA foreign_keys = ON;
                PRAGMA temp_store = MEMORY;
                PRAGMA trusted_schema = OFF;
                PRAGMA cache_size = -65536;
                PRAGMA busy_timeout = 1000;
                """);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A process that is killed between writing a commit and syncing it leaves a log that the next one reads as committed,
    /// and that a power loss would still take away. Nobody may be told of it before it is synced; a checkpoint does that
    /// before it copies anything.
    /// </summary>
    private static void SyncRecoveredLog(SqliteConnection connection, ILogger logger)
    {
        try
        {
            connection.Execute("PRAGMA wal_checkpoint(PASSIVE)");
        }
        catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_FULL)
        {
            // Synced it was; reads go on from the log.
            Log.CheckpointFailed(logger, e);
        }
    }

    /// <summary>
    /// After a failed sync the kernel may have dropped pages of the log that this connection takes for written; the checkpoint
    /// that closing brings would copy whatever stands there now into the database.
    /// </summary>
    private static void LeaveTheLog(SqliteConnection connection) =>
        raw.sqlite3_db_config(connection.Handle!, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);

    private static string Explain(SqliteException failure, string path) => failure.SqliteErrorCode switch
    {
        raw.SQLITE_NOTADB or raw.SQLITE_CORRUPT => $"The database {path} is damaged ({failure.Message.TrimEnd('.')}). Restore a backup.",
        raw.SQLITE_READONLY or raw.SQLITE_CANTOPEN or raw.SQLITE_PERM => $"The database {path} can't be written. Check the owner and mode of the file and its folder.",
        raw.SQLITE_FULL => $"The disk with the database {path} is full. Make room.",
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => $"The database {path} is locked by another program. Stop that program.",
        _ => $"The database {path} can't be opened ({failure.Message.TrimEnd('.')}). Check the disk.",
    };
}
