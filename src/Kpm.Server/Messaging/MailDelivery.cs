namespace Kpm.Server.Messaging;

/// <summary>Writes and sends the mails of the outbox.</summary>
internal sealed class MailDelivery(
    IMailOutbox outbox, IMailSender sender, MailSeal seal, MailTemplates templates, MailWriter writer, MailSignal signal, TimeProvider time, Limits limits, ILogger<MailDelivery> logger)
    : OutboxDelivery("Mail", outbox, signal, new RetryWaits(limits.MailFirstRetry, limits.MailLongestRetry), time, limits, logger)
{
    protected override Task SendAsync(WaitingMessage message, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var content = seal.Open(message.MessageId, message.Sealed);
        var text = templates.Render(content.Template, content.Language, content.Values);
        return sender.SendAsync(writer.Write(message.MessageId, content.To, text, now), message.MessageId, cancellationToken);
    }

    protected override string Describe(Exception failure) => failure is SmtpException ? failure.Message : base.Describe(failure);
}
