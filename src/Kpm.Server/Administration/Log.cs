namespace Kpm.Server.Administration;

internal static partial class Log
{
    [LoggerMessage(4001, LogLevel.Information, "Command \"{Command}\" ran with exit code {ExitCode}.")]
    public static partial void CommandRan(ILogger logger, string command, int exitCode);

    [LoggerMessage(4002, LogLevel.Error, "Command \"{Command}\" failed.")]
    public static partial void CommandFailed(ILogger logger, string command, Exception exception);

    [LoggerMessage(4003, LogLevel.Warning, "There is no socket for the server's commands at {Path} ({Problem}): they work only while the server is stopped.")]
    public static partial void NoSocket(ILogger logger, string path, string problem);

    [LoggerMessage(4004, LogLevel.Warning, "Another user of this machine connected to the socket for the server's commands and was refused.")]
    public static partial void StrangerRefused(ILogger logger);

    [LoggerMessage(4005, LogLevel.Information, "A connection to the socket for the server's commands broke off: {Problem}")]
    public static partial void ConnectionBroken(ILogger logger, string problem);
}
