using Kpm.V1;

namespace Kpm.Server.Verification.TwoStep;

internal static partial class Log
{
    [LoggerMessage(2151, LogLevel.Information, "Account {AccountId} has a new second factor: {Method}.")]
    public static partial void FactorAdded(ILogger logger, Guid accountId, TwoStepMethod method);

    [LoggerMessage(2152, LogLevel.Information, "Account {AccountId} removed its second factor: {Method}.")]
    public static partial void FactorRemoved(ILogger logger, Guid accountId, TwoStepMethod method);
}
