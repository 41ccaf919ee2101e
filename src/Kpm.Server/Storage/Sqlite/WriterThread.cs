using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// The one thread that writes. It takes what has arrived, up to <see cref="SqliteDatabase.MaxUnitsPerGroup"/> units, commits
/// it at once and never waits for more: while one group is synced to disk the next one gathers. Between groups it
/// checkpoints, on the same connection (SQLite before 3.51.3 can corrupt a WAL that two connections checkpoint).
/// </summary>
internal sealed class WriterThread : IDisposable
{
    private readonly GroupCommitter _committer;
    private readonly WalCheckpointer _checkpointer;
    private readonly IFatalExit _fatal;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _arrived = new(initialState: false);
    private readonly int _capacity;
    private readonly Queue<WriteUnit> _queue = new();
    private bool _waiting;
    private bool _stopping;
    private volatile bool _dead;

    public WriterThread(SqliteConnection connection, int capacity, IFatalExit fatal, ILogger logger)
    {
        _capacity = capacity;
        _fatal = fatal;
        _logger = logger;
        _committer = new GroupCommitter(connection);
        _checkpointer = new WalCheckpointer(connection);
        _thread = new Thread(Run) { Name = "sqlite writer", IsBackground = true };
        _thread.Start();
    }

    internal GroupCommitter Committer => _committer;

    internal WalCheckpointer Checkpointer => _checkpointer;

    /// <summary>Queues a unit. Its outcome comes through its own members.</summary>
    /// <exception cref="StorageBusyException">The queue is full.</exception>
    /// <exception cref="StorageUnavailableException">The writer has stopped.</exception>
    public void Enqueue(WriteUnit unit)
    {
        bool wake;
        lock (_gate)
        {
            if (_stopping || _dead)
            {
                throw new StorageUnavailableException();
            }

            if (_queue.Count >= _capacity)
            {
                throw new StorageBusyException();
            }

            _queue.Enqueue(unit);
            wake = _waiting;
            _waiting = false;
        }

        if (wake)
        {
            _arrived.Set();
        }
    }

    /// <summary>Writes what is queued and ends the thread. New units are refused.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_stopping)
            {
                return;
            }

            _stopping = true;
            _waiting = false;
        }

        _arrived.Set();
        _thread.Join();
        _committer.Dispose();
        _arrived.Dispose();
    }

    private void Run()
    {
        var group = new WriteUnit[SqliteDatabase.MaxUnitsPerGroup];
        while (Take(group) is var count and > 0)
        {
            if (_dead)
            {
                Refuse(group.AsSpan(0, count), new StorageUnavailableException());
            }
            else
            {
                Commit(group.AsSpan(0, count));
            }

            Array.Clear(group, 0, count);
        }
    }

    /// <summary>Blocks until something is there; 0 when the writer is to stop and everything is done.</summary>
    private int Take(WriteUnit[] group)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_queue.Count > 0)
                {
                    var count = 0;
                    while (count < group.Length && _queue.TryDequeue(out var unit))
                    {
                        group[count++] = unit;
                    }

                    return count;
                }

                if (_stopping)
                {
                    return 0;
                }

                _waiting = true;
            }

            // Nothing to do: the time to keep the WAL short costs nobody anything now.
            if (!_dead)
            {
                Checkpoint(idle: true);
            }

            _arrived.WaitOne();
        }
    }

    private void Commit(ReadOnlySpan<WriteUnit> group)
    {
        var failure = _committer.Commit(group);
        if (failure is null)
        {
            _committer.Tell(group);
            Checkpoint(idle: false);
            return;
        }

        if (failure.DiskUnknown)
        {
            Die(failure.Cause);
        }
        else
        {
            Log.GroupFailed(_logger, group.Length, failure.Cause);
        }

        Refuse(group, new StorageUnavailableException(failure.Cause));
    }

    private void Checkpoint(bool idle)
    {
        try
        {
            _checkpointer.AfterGroup(idle);
        }
        catch (SqliteException e) when (StorageFailure.LeavesTheDiskUnknown(e))
        {
            Die(e);
        }
        catch (SqliteException e)
        {
            // The data is safe in the WAL; the next group tries again.
            Log.CheckpointFailed(_logger, e);
        }
    }

    private void Die(Exception cause)
    {
        _dead = true;
        _fatal.Exit($"kpm-server: the disk failed to sync the database ({cause.Message}); nothing more is acknowledged. Check the disk, then start the server again.");
    }

    private static void Refuse(ReadOnlySpan<WriteUnit> group, StorageUnavailableException reason)
    {
        foreach (var unit in group)
        {
            unit.Failed(reason);
        }
    }
}
