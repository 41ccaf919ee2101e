using System.Globalization;

namespace Kpm.Server.Messaging.Sms;

/// <summary>Writes and sends the messages of the outbox.</summary>
internal sealed class SmsDelivery(ISmsOutbox outbox, ISmsSender sender, SmsSeal seal, MailTemplates templates, SmsSignal signal, TimeProvider time, Limits limits, ILogger<SmsDelivery> logger)
    : OutboxDelivery("SMS", outbox, signal, new RetryWaits(limits.SmsFirstRetry, limits.SmsLongestRetry), time, limits, logger)
{
    protected override Task SendAsync(WaitingMessage message, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var content = seal.Open(message.MessageId, message.Sealed);
        var values = new Dictionary<string, string>(StringComparer.Ordinal) { ["code"] = content.Code, ["minutes"] = content.Minutes.ToString(CultureInfo.InvariantCulture) };
        return sender.SendAsync(new ShortMessage(message.MessageId, PhoneNumber.Parse(content.To), templates.RenderLine("sms", content.Language, values)), cancellationToken);
    }

    protected override string Describe(Exception failure) => failure is SmsFailedException ? failure.Message : base.Describe(failure);
}
