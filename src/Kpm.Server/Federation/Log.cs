namespace Kpm.Server.Federation;

internal static partial class Log
{
    [LoggerMessage(6001, LogLevel.Warning, "The identity provider {Provider} can't be used now: {What}.")]
    public static partial void ProviderUnreachable(ILogger logger, string provider, string what);

    [LoggerMessage(6002, LogLevel.Information, "An id_token in the name of the identity provider {Provider} was refused: {Fault}.")]
    public static partial void IdTokenRefused(ILogger logger, string provider, IdTokenFault fault);

    [LoggerMessage(6003, LogLevel.Information, "The identity provider {Provider} refused a code: {Error}.")]
    public static partial void CodeRefused(ILogger logger, string provider, string error);

    [LoggerMessage(6004, LogLevel.Error, "The identity provider {Provider} does not accept this server's client id and secret: {Error}. Check Kpm:Identity:Providers:{Provider}.")]
    public static partial void ClientRefused(ILogger logger, string provider, string error);

    [LoggerMessage(6005, LogLevel.Information, "Account {AccountId} linked an identity of {Provider}.")]
    public static partial void IdentityLinked(ILogger logger, Guid accountId, string provider);

    [LoggerMessage(6006, LogLevel.Information, "Account {AccountId} unlinked an identity of {Provider}.")]
    public static partial void IdentityUnlinked(ILogger logger, Guid accountId, string provider);
}
