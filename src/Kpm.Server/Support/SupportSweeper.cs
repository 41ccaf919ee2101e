using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>The slice's background job: carries out what has become due, one case at a time, and forgets old requests.</summary>
internal sealed class SupportSweeper(
    ISupportStore store, SupportMails mails, MailSignal mailSignal, SecurityFeed feed, TimeProvider time, Limits limits, ILogger<SupportSweeper> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(limits.SweepInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TrySweepAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private async Task TrySweepAsync(CancellationToken stoppingToken)
    {
        try
        {
            await SweepAsync(stoppingToken);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            Log.SweepFailed(logger, e);
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        while (await store.SweepAsync(time.Now(), mails.TwoStepReset, cancellationToken) is { } row)
        {
            if (row is { Kind: SupportCaseKind.TwoStepReset, State: SupportCaseState.Done })
            {
                mailSignal.Set();
                feed.Appended(row.AccountId);
                Log.TwoStepWasReset(logger, row.CaseId, row.AccountId);
            }
        }

        while (await store.SweepRequestsAsync(time.Now() - limits.RequestIdLifetime, limits.SweepBatch, cancellationToken))
        {
        }
    }
}
