using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// Runs a group of units in one transaction, each in its own savepoint, and tells them how it went. Used by the writer
/// thread alone, on the one connection that writes and checkpoints.
/// </summary>
internal sealed class GroupCommitter : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly Statement _begin;
    private readonly Statement _savepoint;
    private readonly Statement _release;
    private readonly Statement _rollbackToSavepoint;
    private readonly Statement _rollback;
    private readonly Statement _commit;
    private readonly Exception?[] _failures = new Exception?[SqliteDatabase.MaxUnitsPerGroup];

    public GroupCommitter(SqliteConnection connection)
    {
        _connection = connection;
        _begin = new Statement(connection, "BEGIN IMMEDIATE");
        _savepoint = new Statement(connection, "SAVEPOINT unit");
        _release = new Statement(connection, "RELEASE unit");
        _rollbackToSavepoint = new Statement(connection, "ROLLBACK TO unit");
        _rollback = new Statement(connection, "ROLLBACK");
        _commit = new Statement(connection, "COMMIT");
    }

    /// <summary>For tests: runs in place of COMMIT, to fail as a disk would.</summary>
    internal Action? CommitFault { get; set; }

    /// <summary>Null when the group is durable, or the reason why none of it is stored. Units are not told yet.</summary>
    public GroupFailure? Commit(ReadOnlySpan<WriteUnit> group)
    {
        var executed = 0;
        try
        {
            _begin.Run();
            for (; executed < group.Length; executed++)
            {
                _failures[executed] = Execute(group[executed]);
            }
        }
        catch (Exception e)
        {
            // A unit's own failure does not come here: the database refused, and with it the whole group.
            return RollBack(group[..Math.Min(executed + 1, group.Length)], new GroupFailure(e, StorageFailure.LeavesTheDiskUnknown(e)));
        }

        try
        {
            CommitFault?.Invoke();
            _commit.Run();
            return null;
        }
        catch (SqliteException e)
        {
            return RollBack(group, new GroupFailure(e, !StorageFailure.CommitSurelyDidNotHappen(e)));
        }
    }

    /// <summary>After a durable commit: each unit learns its own outcome.</summary>
    public void Tell(ReadOnlySpan<WriteUnit> group)
    {
        for (var i = 0; i < group.Length; i++)
        {
            var failure = _failures[i];
            _failures[i] = null;
            if (failure is null)
            {
                group[i].Succeeded();
            }
            else
            {
                group[i].Failed(failure);
            }
        }
    }

    public void Dispose()
    {
        foreach (var statement in new[] { _begin, _savepoint, _release, _rollbackToSavepoint, _rollback, _commit })
        {
            statement.Dispose();
        }
    }

    private bool InTransaction => raw.sqlite3_get_autocommit(_connection.Handle!) == 0;

    /// <summary>Null, or why the unit alone was rolled back.</summary>
    private Exception? Execute(WriteUnit unit)
    {
        _savepoint.Run();
        try
        {
            unit.Execute(_connection);
        }
        catch (Exception e) when (!StorageFailure.HitsTheWholeGroup(e) && InTransaction)
        {
            _rollbackToSavepoint.Run();
            _release.Run();
            unit.RolledBack();

            // Told after the commit: what the unit saw of its neighbours is not durable before.
            return e;
        }

        _release.Run();
        return null;
    }

    private GroupFailure RollBack(ReadOnlySpan<WriteUnit> executed, GroupFailure failure)
    {
        if (InTransaction && !failure.DiskUnknown)
        {
            try
            {
                _rollback.Run();
            }
            catch (SqliteException e)
            {
                // A transaction that can be neither committed nor rolled back.
                failure = new GroupFailure(e, DiskUnknown: true);
            }
        }

        foreach (var unit in executed)
        {
            unit.RolledBack();
        }

        Array.Clear(_failures);
        return failure;
    }
}

/// <summary>Why nothing of a group is stored.</summary>
/// <param name="Cause">The first error.</param>
/// <param name="DiskUnknown">It may be stored all the same: the process must end without a word to anybody.</param>
internal sealed record GroupFailure(Exception Cause, bool DiskUnknown);
