namespace Kpm.Server.Vaults;

internal static partial class Log
{
    [LoggerMessage(7001, LogLevel.Information, "{Entries} superseded entries were removed from a vault's log.")]
    public static partial void Compacted(ILogger logger, int entries);

    [LoggerMessage(7002, LogLevel.Error, "Compacting the logs failed; the next run goes on.")]
    public static partial void CompactionFailed(ILogger logger, Exception exception);

    [LoggerMessage(7003, LogLevel.Warning, "The generation of {Vaults} vaults was raised after a restored backup: every device asks its person before it goes on.")]
    public static partial void GenerationsRaised(ILogger logger, long vaults);
}
