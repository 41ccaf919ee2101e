namespace Kpm.Server.Accounts.Passwords;

/// <summary>A hash that somebody waits for. May be computed twice: the first result counts.</summary>
internal abstract class HashWork
{
    public abstract void Run();
}

/// <inheritdoc/>
internal sealed class HashWork<T>(Func<T> compute, CancellationToken cancellationToken) : HashWork
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Task => _done.Task;

    /// <summary>Whoever gave up while waiting costs nothing.</summary>
    public override void Run()
    {
        if (cancellationToken.IsCancellationRequested)
        {
            _done.TrySetCanceled(cancellationToken);
            return;
        }

        try
        {
            _done.TrySetResult(compute());
        }
        catch (Exception e)
        {
            _done.TrySetException(e);
        }
    }
}
