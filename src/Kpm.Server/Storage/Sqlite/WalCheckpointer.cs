using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// Keeps the write-ahead log bounded. Works on the writer's connection between groups, so that no commit waits inside a
/// checkpoint that it did not need.
/// </summary>
internal sealed class WalCheckpointer(SqliteConnection connection)
{
    /// <summary>While writes keep coming: pages written many times are copied once, and a checkpoint's two syncs are spread thin.</summary>
    private const long BusyBytes = 32 << 20;

    /// <summary>When nothing is queued: SQLite's own default.</summary>
    private const long IdleBytes = 4 << 20;

    /// <summary>Readers keep the log from starting over, so wait for them (they are short).</summary>
    private const long OverdueBytes = 256 << 20;

    private const int DbStatusCacheWrite = 9;

    private long _pages;

    /// <summary>Pages written to the log since it was last checkpointed whole.</summary>
    internal long Pages => _pages;

    public void AfterGroup(bool idle)
    {
        var db = connection.Handle!;
        raw.sqlite3_db_status(db, DbStatusCacheWrite, out var written, out _, resetFlg: 1);
        _pages += written;
        if (_pages * SqliteDatabase.PageSize < (idle ? IdleBytes : BusyBytes))
        {
            return;
        }

        var mode = _pages * SqliteDatabase.PageSize >= OverdueBytes ? raw.SQLITE_CHECKPOINT_RESTART : raw.SQLITE_CHECKPOINT_PASSIVE;
        var code = raw.sqlite3_wal_checkpoint_v2(db, "main", mode, out var inLog, out var copied);
        if (code is not (raw.SQLITE_OK or raw.SQLITE_BUSY))
        {
            throw new SqliteException(raw.sqlite3_errmsg(db).utf8_to_string(), code & 0xff, raw.sqlite3_extended_errcode(db));
        }

        // What a reader still needs stays; it is counted on, so that a log that can't be emptied becomes overdue.
        _pages = copied == inLog ? 0 : Math.Max(_pages, inLog - copied);
    }
}
