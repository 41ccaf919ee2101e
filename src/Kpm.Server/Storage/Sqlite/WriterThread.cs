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
    private readonly Thread? _thread;
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _arrived = new(initialState: false);
    private readonly int _capacity;
    private readonly Queue<WriteUnit> _queue = new();
    private readonly WriteUnit[] _group = new WriteUnit[SqliteDatabase.MaxUnitsPerGroup];
    private bool _waiting;
    private bool _stopping;
    private volatile bool _dead;

    /// <param name="connection">The only one that writes.</param>
    /// <param name="capacity">Most units waiting.</param>
    /// <param name="fatal">Ends the process after a failed sync.</param>
    /// <param name="logger">Told about refused groups.</param>
    /// <param name="ownThread">False for a simulator, which calls <see cref="Turn"/> when it wants the writer to work.</param>
    public WriterThread(SqliteConnection connection, int capacity, IFatalExit fatal, ILogger logger, bool ownThread = true)
    {
        _capacity = capacity;
        _fatal = fatal;
        _logger = logger;
        _committer = new GroupCommitter(connection);
        _checkpointer = new WalCheckpointer(connection);
        if (ownThread)
        {
            _thread = new Thread(Run) { Name = "sqlite writer", IsBackground = true };
            _thread.Start();
        }
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
        if (_thread is null)
        {
            while (Turn())
            {
            }
        }
        else
        {
            _thread.Join();
        }

        _committer.Dispose();
        _arrived.Dispose();
    }

    /// <summary>A sync has failed: what the disk holds is unknown.</summary>
    internal bool IsDead => _dead;

    /// <summary>Whether a turn would find something to do.</summary>
    internal bool HasWork => Queued > 0;

    /// <summary>Units that have arrived and were not taken yet.</summary>
    internal int Queued
    {
        get
        {
            lock (_gate)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>Takes what has arrived, commits it, and tells each unit; false when nothing was there. Never blocks but for the disk.</summary>
    internal bool Turn()
    {
        var count = Take();
        if (count == 0)
        {
            return false;
        }

        var group = _group.AsSpan(0, count);
        if (_dead)
        {
            Refuse(group, new StorageUnavailableException());
        }
        else
        {
            Commit(group);
        }

        group.Clear();
        return true;
    }

    private void Run()
    {
        while (WaitForWork())
        {
            Turn();
        }
    }

    private int Take()
    {
        lock (_gate)
        {
            var count = 0;
            while (count < _group.Length && _queue.TryDequeue(out var unit))
            {
                _group[count++] = unit;
            }

            return count;
        }
    }

    /// <summary>Blocks until something is there; false when the writer is to stop and everything is done.</summary>
    private bool WaitForWork()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_queue.Count > 0)
                {
                    return true;
                }

                if (_stopping)
                {
                    return false;
                }

                _waiting = true;
            }

            // Nothing to do: the time to keep the WAL short costs nobody anything now.
            Idle();
            _arrived.WaitOne();
        }
    }

    /// <summary>What the writer does before it waits.</summary>
    internal void Idle()
    {
        if (!_dead)
        {
            Checkpoint(idle: true);
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
