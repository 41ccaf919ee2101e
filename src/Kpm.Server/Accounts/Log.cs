namespace Kpm.Server.Accounts;

internal static partial class Log
{
    [LoggerMessage(2001, LogLevel.Warning, "A spent refresh token was used again: session {SessionId} of device {DeviceId}, account {AccountId}, is ended.")]
    public static partial void RefreshTokenReused(ILogger logger, Guid accountId, Guid deviceId, Guid sessionId);

    [LoggerMessage(2002, LogLevel.Information, "Account {AccountId} revoked its device {DeviceId}.")]
    public static partial void DeviceRevoked(ILogger logger, Guid accountId, Guid deviceId);

    [LoggerMessage(2004, LogLevel.Error, "Password resets that were asked for could not be looked at; the job tries again.")]
    public static partial void PasswordResetsFailed(ILogger logger, Exception exception);

    [LoggerMessage(2005, LogLevel.Information, "{Count} accounts were deleted: their owners had asked for it.")]
    public static partial void AccountsDeleted(ILogger logger, int count);

    [LoggerMessage(2003, LogLevel.Error, "Lapsed accounts and sessions could not be removed; the next round tries again.")]
    public static partial void SweepFailed(ILogger logger, Exception exception);
}
