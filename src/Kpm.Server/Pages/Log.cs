namespace Kpm.Server.Pages;

internal static partial class Log
{
    [LoggerMessage(5001, LogLevel.Information, "The page {Page} did what it is for.")]
    public static partial void PageActed(ILogger logger, string page);

    [LoggerMessage(5002, LogLevel.Warning, "Mails carry no links: the pages can't be reached from elsewhere at {Address}. Name their public address with --pages-url, or say --pages off.")]
    public static partial void NoPublicUrl(ILogger logger, string address);
}
