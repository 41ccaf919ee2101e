using System.Security.Cryptography;

namespace Kpm.Server.Messaging;

/// <summary>How a delivery goes on after a failure: waits double from the first to the longest.</summary>
internal sealed record RetryWaits(TimeSpan First, TimeSpan Longest);

/// <summary>
/// Sends what waits in an outbox, beside the calls and never in their way: a message is tried again with
/// growing waits until it is sent or has become worthless.
/// </summary>
internal abstract class OutboxDelivery(string kind, IOutbox outbox, OutboxSignal signal, RetryWaits waits, TimeProvider time, Limits limits, ILogger logger) : BackgroundService
{
    /// <summary>Opens the message and hands it over. A throw means that it may be tried again, unless it is <see cref="MessageRefusedException"/>.</summary>
    protected abstract Task SendAsync(WaitingMessage message, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>What may be logged of a failure: never a text that could quote an address, a number or a code.</summary>
    protected virtual string Describe(Exception failure) => failure.GetType().Name;

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
                // The outbox itself could not be read or written; the messages are still in it.
                Log.OutboxFailed(logger, kind, e);
                await Task.Delay(waits.First, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task DeliverDueAsync(CancellationToken cancellationToken)
    {
        while (await outbox.DueAsync(time.Now(), limits.MailBatch, cancellationToken) is { Count: > 0 } due)
        {
            foreach (var message in due)
            {
                await DeliverAsync(message, cancellationToken);
            }
        }
    }

    private async Task DeliverAsync(WaitingMessage message, CancellationToken cancellationToken)
    {
        var now = time.Now();
        if (now >= message.ExpiresAt)
        {
            Log.MessageExpired(logger, kind, message.MessageId, message.Attempts);
            await outbox.RemoveAsync(message.MessageId, cancellationToken);
            return;
        }

        try
        {
            await SendAsync(message, now, cancellationToken);
        }
        catch (MessageRefusedException e)
        {
            Log.MessageRefused(logger, kind, message.MessageId, e.Message);
            await outbox.RemoveAsync(message.MessageId, cancellationToken);
            return;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            var wait = Wait(message.Attempts);
            Log.MessagePostponed(logger, kind, message.MessageId, message.Attempts + 1, wait, Describe(e));
            await outbox.PostponeAsync(message.MessageId, time.Now() + wait, cancellationToken);
            return;
        }

        // A crash right here sends the message a second time under the same id; never is worse than twice.
        await outbox.RemoveAsync(message.MessageId, cancellationToken);
    }

    /// <summary>Doubles with each attempt, up to a quarter shorter, so that messages which failed together do not come back together.</summary>
    private TimeSpan Wait(int attempts)
    {
        var full = Math.Min(waits.Longest.Ticks, waits.First.Ticks << Math.Min(attempts, 20));
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

/// <summary>The other side refused this message for good: trying again would give the same answer. The text quotes nothing of the message.</summary>
internal sealed class MessageRefusedException(string message) : Exception(message);
