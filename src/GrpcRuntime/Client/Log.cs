using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Grpc.Net.Client;

/// <summary>What a channel logs: never a message, a header or a credential.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Debug, "The call of '{Method}' ended with {Code}.", EventName = "CallEnded")]
    public static partial void CallEnded(ILogger logger, string method, StatusCode code);

    [LoggerMessage(2, LogLevel.Debug, "The call of '{Method}' failed with {Code} and is tried again after {Pause}; attempt {Attempt}.", EventName = "CallRetried")]
    public static partial void CallRetried(ILogger logger, string method, StatusCode code, TimeSpan pause, int attempt);

    [LoggerMessage(3, LogLevel.Debug, "The channel was {Before} and is {After}.", EventName = "StateChanged")]
    public static partial void StateChanged(ILogger logger, ConnectivityState before, ConnectivityState after);

    [LoggerMessage(4, LogLevel.Warning, "The addresses of the channel could not be found: {Reason}", EventName = "ResolverFailed")]
    public static partial void ResolverFailed(ILogger logger, string reason);
}
