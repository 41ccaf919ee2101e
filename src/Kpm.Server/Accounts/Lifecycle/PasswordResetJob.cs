using System.Threading.Channels;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Verification;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>Wakes the job when a reset was asked for.</summary>
internal sealed class PasswordResetSignal
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Set() => _signal.Writer.TryWrite(true);

    public async Task WaitAsync(CancellationToken cancellationToken) => await _signal.Reader.ReadAsync(cancellationToken);
}

/// <summary>
/// Mails what was asked for, beside the calls: that an address has an account shows neither in the answer nor in its time.
/// Requests lie in the database until they are carried out, so that a restart loses none.
/// </summary>
internal sealed class PasswordResetJob(
    IPasswordStore passwords, PasswordResets resets, ActivationMails activations, PasswordResetSignal signal, MailSignal mailSignal, SecurityFeed feed, TimeProvider time, Limits limits, ILogger<PasswordResetJob> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await CarryOutAsync(stoppingToken);
                await signal.WaitAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The requests are still there.
                Log.PasswordResetsFailed(logger, e);
                await Task.Delay(limits.MailFirstRetry, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task CarryOutAsync(CancellationToken cancellationToken)
    {
        while (await passwords.OpenRequestsAsync(time.Now(), limits.MailBatch, cancellationToken) is { Count: > 0 } requests)
        {
            foreach (var request in requests)
            {
                var address = resets.Open(request);
                var mailed = await passwords.CarryOutAsync(request.AddressHash, address.Key, resets.MailTo, activations.Again, cancellationToken);
                mailSignal.Set();
                if (mailed is { } accountId)
                {
                    feed.Appended(accountId);
                }
            }
        }
    }
}
