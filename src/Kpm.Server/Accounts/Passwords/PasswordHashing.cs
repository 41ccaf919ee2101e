using System.Collections.Concurrent;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts.Passwords;

/// <summary>
/// Runs the hasher on its own few threads behind a bounded queue: a storm of sign-ins can neither take
/// all cores nor the thread pool, and who finds the queue full is told at once when to come again.
/// </summary>
internal sealed class PasswordHashing : IDisposable
{
    private readonly IPasswordHasher _hasher;
    private readonly Limits _limits;
    private readonly BlockingCollection<Action> _queue;
    private readonly Thread[] _threads;

    /// <summary>Verified where there is no account, so that both answers take the same work.</summary>
    private readonly string _dummy;

    public PasswordHashing(IPasswordHasher hasher, PasswordHashOptions options, Limits limits)
    {
        _hasher = hasher;
        _limits = limits;
        _dummy = hasher.Hash("no account has this password");
        _queue = new BlockingCollection<Action>(limits.PasswordHashQueue);
        _threads = [.. Enumerable.Range(0, options.EffectiveThreads).Select(i => new Thread(Run) { IsBackground = true, Name = $"password-hash-{i}" })];
        Array.ForEach(_threads, t => t.Start());
    }

    public Task<string> HashAsync(string password, CancellationToken cancellationToken) =>
        EnqueueAsync(() => _hasher.Hash(password), cancellationToken);

    /// <summary>Null for the hash of a missing account: does the same work and says no.</summary>
    public Task<bool> VerifyAsync(string password, string? hash, CancellationToken cancellationToken) =>
        EnqueueAsync(() => _hasher.Verify(password, hash ?? _dummy) && hash is not null, cancellationToken);

    public bool IsOutdated(string hash) => _hasher.IsOutdated(hash);

    public void Dispose()
    {
        _queue.CompleteAdding();
        Array.ForEach(_threads, t => t.Join());
        _queue.Dispose();
    }

    private async Task<T> EnqueueAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_queue.IsAddingCompleted || !_queue.TryAdd(() => Execute(work, done, cancellationToken), 0, CancellationToken.None))
        {
            throw Errors.RetryAfter(ErrorReason.RateLimited, _limits.PasswordHashRetry);
        }

        return await done.Task;
    }

    /// <summary>Whoever gave up while waiting costs nothing.</summary>
    private static void Execute<T>(Func<T> work, TaskCompletionSource<T> done, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            done.SetCanceled(cancellationToken);
            return;
        }

        try
        {
            done.SetResult(work());
        }
        catch (Exception e)
        {
            done.SetException(e);
        }
    }

    private void Run()
    {
        foreach (var work in _queue.GetConsumingEnumerable())
        {
            work();
        }
    }
}
