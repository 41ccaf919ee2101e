using System.Security.Cryptography;

namespace Kpm.Server.Messaging;

/// <summary>
/// Sends what waits in the outbox, beside the calls and never in their way: a mail is tried again with
/// growing waits until it is sent or has become worthless.
/// </summary>
internal sealed class MailDelivery(
    IMailOutbox outbox, IMailSender sender, MailSeal seal, MailTemplates templates, MailWriter writer, MailSignal signal, TimeProvider time, Limits limits, ILogger<MailDelivery> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await DeliverDueAsync(stoppingToken);
                await WaitAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The outbox itself could not be read or written; the mails are still in it.
                Log.OutboxFailed(logger, e);
                await Task.Delay(limits.MailFirstRetry, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task DeliverDueAsync(CancellationToken cancellationToken)
    {
        while (await outbox.DueAsync(time.Now(), limits.MailBatch, cancellationToken) is { Count: > 0 } due)
        {
            foreach (var mail in due)
            {
                await DeliverAsync(mail, cancellationToken);
            }
        }
    }

    private async Task DeliverAsync(WaitingMail mail, CancellationToken cancellationToken)
    {
        var now = time.Now();
        if (now >= mail.ExpiresAt)
        {
            Log.MailExpired(logger, mail.MailId, mail.Attempts);
            await outbox.RemoveAsync(mail.MailId, cancellationToken);
            return;
        }

        try
        {
            var content = seal.Open(mail.MailId, mail.Sealed);
            var text = templates.Render(content.Template, content.Language, content.Values);
            await sender.SendAsync(writer.Write(mail.MailId, content.To, text, now), mail.MailId, cancellationToken);
        }
        catch (MailRefusedException e)
        {
            Log.MailRefused(logger, mail.MailId, e.Message);
            await outbox.RemoveAsync(mail.MailId, cancellationToken);
            return;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            var wait = Wait(mail.Attempts);
            Log.MailPostponed(logger, mail.MailId, mail.Attempts + 1, wait, e is SmtpException ? e.Message : e.GetType().Name);
            await outbox.PostponeAsync(mail.MailId, time.Now() + wait, cancellationToken);
            return;
        }

        // A crash right here sends the mail a second time under the same Message-ID; never is worse than twice.
        await outbox.RemoveAsync(mail.MailId, cancellationToken);
    }

    /// <summary>Doubles with each attempt, up to a quarter shorter, so that mails which failed together do not come back together.</summary>
    private TimeSpan Wait(int attempts)
    {
        var full = Math.Min(limits.MailLongestRetry.Ticks, limits.MailFirstRetry.Ticks << Math.Min(attempts, 20));
        return TimeSpan.FromTicks(full - (full / 4 * RandomNumberGenerator.GetInt32(1000) / 1000));
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        var next = await outbox.NextAsync(cancellationToken);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var signalled = signal.WaitAsync(either.Token);
        var wait = next is { } at ? at - time.Now() : Timeout.InfiniteTimeSpan;
        var due = Task.Delay(next is not null && wait < TimeSpan.Zero ? TimeSpan.Zero : wait, time, either.Token);
        await Task.WhenAny(signalled, due);
        await either.CancelAsync();
        await Task.WhenAll(signalled, due).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }
}
