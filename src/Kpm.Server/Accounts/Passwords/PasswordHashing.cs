using System.Collections.Concurrent;
using System.Diagnostics;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts.Passwords;

/// <summary>
/// Runs the hasher on its own few threads behind a bounded queue: a storm of sign-ins can neither take
/// all cores nor the thread pool, and who finds the queue full is told at once when to come again.
/// </summary>
internal sealed class PasswordHashing : IDisposable
{
    /// <summary>A machine that is busy with other things lets a hash at leisure wait; after so many times its usual length it is made in the ordinary class.</summary>
    private const int Patience = 4;

    /// <summary>bcrypt of this cost takes some 16 ms. A shorter hash holds nobody up for longer than any other thread may.</summary>
    private const int CostOfATimeSlice = 8;

    private readonly IPasswordHasher _hasher;
    private readonly Limits _limits;
    private readonly BlockingCollection<HashWork> _queue;
    private readonly Thread[] _threads;
    private readonly TimeSpan _patience;
    private readonly bool _atLeisure;

    /// <summary>Verified where there is no account, so that both answers take the same work.</summary>
    private readonly string _dummy;

    public PasswordHashing(IPasswordHasher hasher, PasswordHashOptions options, Limits limits)
    {
        _hasher = hasher;
        _limits = limits;
        var start = Stopwatch.GetTimestamp();
        _dummy = hasher.Hash("no account has this password");
        _patience = Stopwatch.GetElapsedTime(start) * Patience;
        _atLeisure = options.Cost >= CostOfATimeSlice;
        _queue = new BlockingCollection<HashWork>(limits.PasswordHashQueue);
        _threads = [.. Enumerable.Range(0, options.EffectiveThreads).Select(i => new Thread(() => Run(i)) { IsBackground = true, Name = $"password-hash-{i}" })];
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

    private async Task<T> EnqueueAsync<T>(Func<T> compute, CancellationToken cancellationToken)
    {
        var work = new HashWork<T>(compute, cancellationToken);
        if (_queue.IsAddingCompleted || !_queue.TryAdd(work, 0, CancellationToken.None))
        {
            throw Errors.RetryAfter(ErrorReason.RateLimited, _limits.PasswordHashRetry);
        }

        return await work.Task;
    }

    /// <summary>Takes work one after the other; leaves it to a thread that stands back behind everything else, as long as that one comes to it.</summary>
    private void Run(int index)
    {
        using var leisure = _atLeisure ? new LeisureThread($"password-hash-leisure-{index}") : null;
        foreach (var work in _queue.GetConsumingEnumerable())
        {
            if (leisure is null || !leisure.TryRun(work, _patience))
            {
                work.Run();
            }
        }
    }
}
