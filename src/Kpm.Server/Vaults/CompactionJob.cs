namespace Kpm.Server.Vaults;

/// <summary>Removes what nobody needs of old logs, in small steps, so that it never holds up the writer. A step that a crash cut off is taken up by the next run.</summary>
internal sealed class CompactionJob(ICompactionStore store, TimeProvider time, Limits limits, ILogger<CompactionJob> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(limits.CompactionInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await RunAsync(stoppingToken);
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    // What was removed is removed, and the next run goes on.
                    Log.CompactionFailed(logger, e);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    /// <summary>Looks at every vault with a checkpoint once.</summary>
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        Guid? after = null;
        IReadOnlyList<Guid> accounts;
        do
        {
            accounts = store.Accounts(after, limits.SweepBatch);
            foreach (var accountId in accounts)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await CompactAsync(accountId, cancellationToken);
                after = accountId;
            }

            await Task.Yield();
        }
        while (accounts.Count == limits.SweepBatch);
    }

    private async Task CompactAsync(Guid accountId, CancellationToken cancellationToken)
    {
        if (store.Due(accountId, time.GetUtcNow() - limits.ChangeRetention, limits.CompactionLeast) is not { } seq)
        {
            return;
        }

        var removed = 0;
        int step;
        do
        {
            step = await store.CompactAsync(accountId, seq, limits.SweepBatch, cancellationToken);
            removed += step;
        }
        while (step == limits.SweepBatch);

        Log.Compacted(logger, removed);
    }
}
