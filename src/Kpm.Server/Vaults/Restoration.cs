namespace Kpm.Server.Vaults;

/// <summary>
/// After a backup was restored the vaults lack what came after it, and devices may hold more than the server. A new generation makes
/// every device stop and ask its person (docs/sync.md).
/// </summary>
internal sealed class Restoration(IRestorationStore store, Limits limits, ILogger<Restoration> logger) : IHostedService, IDisposable
{
    private readonly SemaphoreSlim _one = new(1);

    /// <summary>Raises the generation of every vault by one, or finishes a run that was cut off; how many were raised.</summary>
    public async Task<long> RunAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            await store.BeginAsync(cancellationToken);
            while (true)
            {
                if (await store.RaiseAsync(limits.SweepBatch, cancellationToken) is { } raised)
                {
                    Log.GenerationsRaised(logger, raised);
                    return raised;
                }
            }
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>A run that was cut off is finished before the server listens: half of the vaults would look as if nothing had happened.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (store.IsUnderWay())
        {
            await RunAsync(cancellationToken);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _one.Dispose();
}
