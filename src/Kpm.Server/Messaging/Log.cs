namespace Kpm.Server.Messaging;

internal static partial class Log
{
    [LoggerMessage(3001, LogLevel.Warning, "{Kind} {MessageId} could not be delivered (attempt {Attempt}, {Failure}); next attempt in {Wait}.")]
    public static partial void MessagePostponed(ILogger logger, string kind, Guid messageId, int attempt, TimeSpan wait, string failure);

    [LoggerMessage(3002, LogLevel.Warning, "{Kind} {MessageId} was not delivered within its lifetime ({Attempts} attempts) and is dropped.")]
    public static partial void MessageExpired(ILogger logger, string kind, Guid messageId, int attempts);

    [LoggerMessage(3003, LogLevel.Warning, "{Kind} {MessageId} was refused for good and is dropped: {Answer}.")]
    public static partial void MessageRefused(ILogger logger, string kind, Guid messageId, string answer);

    [LoggerMessage(3004, LogLevel.Error, "The outbox of kind {Kind} can't be read or written.")]
    public static partial void OutboxFailed(ILogger logger, string kind, Exception exception);
}
