namespace Kpm.Server.Vaults.Streams;

/// <summary>When the server is told to stop, its streams say goodbye while Kestrel still serves them.</summary>
internal sealed class StreamDrain(VaultFeeds feeds, IHostApplicationLifetime lifetime) : IHostedService, IDisposable
{
    private CancellationTokenRegistration _stopping;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _stopping = lifetime.ApplicationStopping.Register(feeds.Drain);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _stopping.Dispose();
}
