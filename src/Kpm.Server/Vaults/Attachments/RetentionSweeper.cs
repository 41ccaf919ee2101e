using Kpm.Server.Storage.Files;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>Empties the trash and removes attachments, in small steps, so that it never holds up the writer.</summary>
internal sealed class RetentionSweeper(IRevisionStore revisions, AttachmentCollector attachments, TimeProvider time, Limits limits, ILogger<RetentionSweeper> logger) : BackgroundService
{
    private int _folder;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(limits.SweepInterval, time);
        try
        {
            // What a crash has left is looked for at once, and later in one folder after the other.
            await TryAsync(RemoveAllStraysAsync, stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryAsync(SweepAsync, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private async Task TryAsync(Func<CancellationToken, Task> work, CancellationToken stoppingToken)
    {
        try
        {
            await work(stoppingToken);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            Log.SweepFailed(logger, e);
        }
    }

    private async Task RemoveAllStraysAsync(CancellationToken cancellationToken)
    {
        foreach (var folder in AttachmentFiles.Folders)
        {
            await attachments.RemoveStraysAsync(folder, cancellationToken);
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        while (await revisions.PurgeAsync(time.Now() - limits.TrashRetention, limits.SweepBatch, cancellationToken))
        {
        }

        await attachments.RemoveExpiredAsync(cancellationToken);
        await attachments.RemoveStraysAsync(AttachmentFiles.Folders[_folder], cancellationToken);
        _folder = (_folder + 1) % AttachmentFiles.Folders.Count;
    }
}
