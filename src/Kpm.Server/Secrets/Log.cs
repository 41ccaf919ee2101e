namespace Kpm.Server.Secrets;

internal static partial class Log
{
    [LoggerMessage(5001, LogLevel.Information, "Sealing key {KeyId} is in use.")]
    public static partial void Rotated(ILogger logger, int keyId);

    [LoggerMessage(5002, LogLevel.Information, "{Renewed} boxes were sealed anew; all are under key {KeyId}.")]
    public static partial void Walked(ILogger logger, int renewed, int keyId);

    [LoggerMessage(5003, LogLevel.Information, "{Former} former sealing keys are retired; key {KeyId} is left.")]
    public static partial void Retired(ILogger logger, int former, int keyId);

    [LoggerMessage(5004, LogLevel.Error, "Boxes could not be sealed anew; the job tries again.")]
    public static partial void WalkFailed(ILogger logger, Exception exception);
}
