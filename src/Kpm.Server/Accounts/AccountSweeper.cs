using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Messaging;
using Kpm.Server.Verification.Checks;

namespace Kpm.Server.Accounts;

/// <summary>
/// The slice's background job: writes when devices were last seen, ends expired sessions, removes lapsed
/// accounts with their vaults, and what nothing needs any more. Small steps, so that it never holds up the writer.
/// </summary>
internal sealed class AccountSweeper(
    IAccountStore accounts,
    ISessionStore sessions,
    IDeviceStore devices,
    IPasswordStore passwords,
    IDeletionStore deletions,
    Deletions receipts,
    SessionDirectory directory,
    AccountEndings endings,
    Guard guard,
    MailSignal mailSignal,
    TimeProvider time,
    Limits limits,
    ILogger<AccountSweeper> logger)
    : BackgroundService
{
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await WriteLastSeenAsync();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(limits.SweepInterval, time);
        while (await NextAsync(timer, stoppingToken))
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                Log.SweepFailed(logger, e);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        await WriteLastSeenAsync();
        while (await accounts.RemoveLapsedAsync(time.Now(), limits.SweepBatch, cancellationToken) is { Count: > 0 } lapsed)
        {
            endings.Removed(lapsed);
            Verification.Log.PendingAccountsLapsed(logger, lapsed.Count);
        }

        while (await deletions.RemoveDueAsync(time.Now(), limits.SweepBatch, receipts.Receipt, cancellationToken) is { Count: > 0 } deleted)
        {
            endings.Removed(deleted);
            mailSignal.Set();
            Log.AccountsDeleted(logger, deleted.Count);
        }

        while (await accounts.EmptyRemovedVaultAsync(limits.SweepBatch, cancellationToken))
        {
        }

        var now = time.Now();
        var times = new SweepTimes(now, now - limits.EndedSessionRetention, now - limits.RequestIdLifetime);
        while (await sessions.SweepAsync(times, limits.SweepBatch, cancellationToken))
        {
        }

        while (await guard.SweepAsync(cancellationToken))
        {
        }

        while (await passwords.SweepRequestsAsync(now - TimeSpan.FromDays(1), limits.SweepBatch, cancellationToken) > 0)
        {
        }
    }

    private async Task WriteLastSeenAsync()
    {
        foreach (var batch in directory.Sweep().Chunk(limits.SweepBatch))
        {
            // Not cancelled: what was taken from the directory is written or lost.
            await devices.TouchAsync(batch, CancellationToken.None);
        }
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken cancellationToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
