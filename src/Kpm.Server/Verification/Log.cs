namespace Kpm.Server.Verification;

internal static partial class Log
{
    [LoggerMessage(2101, LogLevel.Information, "Account {AccountId} was activated; {Removed} other pending accounts at its address were removed.")]
    public static partial void AccountActivated(ILogger logger, Guid accountId, int removed);

    [LoggerMessage(2102, LogLevel.Information, "Pending account {AccountId} was discarded by its mailbox's owner.")]
    public static partial void PendingAccountDiscarded(ILogger logger, Guid accountId);

    [LoggerMessage(2103, LogLevel.Information, "{Count} pending accounts lapsed.")]
    public static partial void PendingAccountsLapsed(ILogger logger, int count);
}
