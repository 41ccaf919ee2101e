namespace Kpm.Server.Vaults.Streams;

/// <summary>When the server is told to stop, its streams and transfers say goodbye while Kestrel still serves them.</summary>
internal sealed class StreamDrain(VaultFeeds feeds, Attachments.Transfers transfers, IHostApplicationLifetime lifetime) : IHostedService, IDisposable
{
    private CancellationTokenRegistration _stopping;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _stopping = lifetime.ApplicationStopping.Register(() =>
        {
            feeds.Drain();
            transfers.Drain();
        });
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _stopping.Dispose();
}
