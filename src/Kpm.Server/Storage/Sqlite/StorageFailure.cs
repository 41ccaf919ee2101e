using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>What an error of SQLite means for the writes around it.</summary>
internal static class StorageFailure
{
    /// <summary>
    /// The disk or the memory refused, not the statement: SQLite may have rolled back the whole transaction, and the units
    /// before and after this one can't count on anything. The group fails together.
    /// </summary>
    public static bool HitsTheWholeGroup(Exception exception) => exception is OutOfMemoryException
        || exception is SqliteException
        {
            SqliteErrorCode: raw.SQLITE_FULL or raw.SQLITE_IOERR or raw.SQLITE_NOMEM or raw.SQLITE_CORRUPT
                or raw.SQLITE_NOTADB or raw.SQLITE_READONLY or raw.SQLITE_CANTOPEN or raw.SQLITE_BUSY,
        };

    /// <summary>
    /// After a failed fsync the kernel may have dropped the pages and call the next fsync a success: what the disk holds
    /// is unknown, and so is every acknowledgement that would follow.
    /// </summary>
    public static bool LeavesTheDiskUnknown(Exception exception) => exception is SqliteException
    {
        SqliteExtendedErrorCode: raw.SQLITE_IOERR_FSYNC or raw.SQLITE_IOERR_DIR_FSYNC or raw.SQLITE_IOERR_TRUNCATE,
    };

    /// <summary>
    /// A commit that failed without having reached the disk: the frames before its commit record are ignored by everybody.
    /// Any other failure of a commit leaves open whether it holds.
    /// </summary>
    public static bool CommitSurelyDidNotHappen(Exception exception) => exception is SqliteException
    {
        SqliteErrorCode: raw.SQLITE_FULL or raw.SQLITE_NOMEM or raw.SQLITE_BUSY,
    } or SqliteException
    {
        SqliteExtendedErrorCode: raw.SQLITE_IOERR_WRITE or raw.SQLITE_IOERR_READ or raw.SQLITE_IOERR_SHORT_READ
            or raw.SQLITE_IOERR_LOCK or raw.SQLITE_IOERR_NOMEM,
    };
}
