namespace Kpm.Server.Vaults.Attachments;

internal static partial class Log
{
    [LoggerMessage(7101, LogLevel.Error, "The job that empties the trash and removes attachments failed; it comes again.")]
    public static partial void SweepFailed(ILogger logger, Exception exception);

    [LoggerMessage(7102, LogLevel.Warning, "What an interrupted upload had sent last could not be stored; it goes on from what was stored before.")]
    public static partial void UploadNotKept(ILogger logger, Exception exception);

    [LoggerMessage(7103, LogLevel.Error, "The file of a whole attachment is not there (or shorter than it was). Its device can upload it again; restore the folder of attachments if a backup of it exists.")]
    public static partial void ContentLost(ILogger logger);

    [LoggerMessage(7104, LogLevel.Information, "{Count} files of attachments that the database does not know were removed.")]
    public static partial void StraysRemoved(ILogger logger, int count);
}
