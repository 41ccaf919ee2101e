namespace Kpm.Server.Rpc;

internal static partial class Log
{
    [LoggerMessage(1001, LogLevel.Error, "{Method} failed unexpectedly (correlation id {CorrelationId}).")]
    public static partial void UnexpectedFailure(ILogger logger, string method, string correlationId, Exception exception);

    [LoggerMessage(1002, LogLevel.Error, "{Method} was refused by the storage: SQLite error {Code} ({ExtendedCode}).")]
    public static partial void StorageRefused(ILogger logger, string method, int code, int extendedCode);

    [LoggerMessage(1003, LogLevel.Error, "{Method} could not be stored.")]
    public static partial void StorageUnavailable(ILogger logger, string method, Exception exception);
}
