namespace Kpm.Server.Messaging;

internal static partial class Log
{
    [LoggerMessage(3001, LogLevel.Warning, "Mail {MailId} could not be delivered (attempt {Attempt}, {Failure}); next attempt in {Wait}.")]
    public static partial void MailPostponed(ILogger logger, Guid mailId, int attempt, TimeSpan wait, string failure);

    [LoggerMessage(3002, LogLevel.Warning, "Mail {MailId} was not delivered within its lifetime ({Attempts} attempts) and is dropped.")]
    public static partial void MailExpired(ILogger logger, Guid mailId, int attempts);

    [LoggerMessage(3003, LogLevel.Warning, "Mail {MailId} was refused for good and is dropped: {Answer}.")]
    public static partial void MailRefused(ILogger logger, Guid mailId, string answer);

    [LoggerMessage(3004, LogLevel.Error, "The mail outbox can't be read or written.")]
    public static partial void OutboxFailed(ILogger logger, Exception exception);
}
