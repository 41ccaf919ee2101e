using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// A piece of work for the writer thread that is stored whole or not at all. Every member is called on the writer thread
/// and must return soon: a unit that blocks holds up every other write of the server.
/// </summary>
internal abstract class WriteUnit
{
    /// <summary>Reads and writes inside the unit's own savepoint. A throw rolls back this unit and no other.</summary>
    public abstract void Execute(SqliteConnection connection);

    /// <summary>What Execute wrote was rolled back, with the unit alone or with its group. Followed by Failed, but not at once.</summary>
    public virtual void RolledBack()
    {
    }

    /// <summary>The group is durable: what the unit wrote survives a power loss.</summary>
    public abstract void Succeeded();

    /// <summary>Nothing of the unit is stored.</summary>
    public abstract void Failed(Exception reason);
}

/// <summary>A unit made of a function, and the task that waits for it.</summary>
internal sealed class WriteUnit<T>(Func<SqliteConnection, T> work, CancellationToken cancellationToken) : WriteUnit
{
    // Continuations run on the thread pool: the writer thread must not execute a handler's code.
    private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T _value = default!;

    public Task<T> Task => _completion.Task;

    public override void Execute(SqliteConnection connection)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _value = work(connection);
    }

    public override void Succeeded() => _completion.SetResult(_value);

    public override void Failed(Exception reason)
    {
        if (reason is OperationCanceledException canceled)
        {
            _completion.SetCanceled(canceled.CancellationToken);
        }
        else
        {
            _completion.SetException(reason);
        }
    }
}
