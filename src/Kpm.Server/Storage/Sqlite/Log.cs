namespace Kpm.Server.Storage.Sqlite;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Error, Message = "A group of {Units} writes was not stored; they were refused")]
    public static partial void GroupFailed(ILogger logger, int units, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The write-ahead log could not be checkpointed; it grows until it can")]
    public static partial void CheckpointFailed(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "Applied migration {Number} {Name}")]
    public static partial void Migrated(ILogger logger, int number, string name);
}
