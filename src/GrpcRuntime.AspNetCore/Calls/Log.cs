using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server.Calls;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "The call ended with {StatusCode}.")]
    public static partial void RpcException(ILogger logger, StatusCode statusCode, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "Error when executing {Method}.")]
    public static partial void HandlerFailed(ILogger logger, string method, Exception exception);

    [LoggerMessage(3, LogLevel.Debug, "{Method} stopped after its caller was gone or its deadline had passed.")]
    public static partial void EndedByCaller(ILogger logger, string method, Exception exception);

    [LoggerMessage(4, LogLevel.Debug, "The deadline of {Timeout} of {Method} was exceeded.")]
    public static partial void DeadlineExceeded(ILogger logger, string method, TimeSpan timeout);

    [LoggerMessage(5, LogLevel.Error, "A callback on the cancellation of a call failed.")]
    public static partial void CancellationCallbackFailed(ILogger logger, Exception exception);

    [LoggerMessage(6, LogLevel.Debug, "A call past its deadline could not be ended.")]
    public static partial void CompletionFailed(ILogger logger, Exception exception);

    [LoggerMessage(7, LogLevel.Error, "The trailers of {Method} cannot be sent.")]
    public static partial void InvalidTrailers(ILogger logger, string method, Exception exception);

    [LoggerMessage(8, LogLevel.Information, "A request message could not be read.")]
    public static partial void UnreadableMessage(ILogger logger, Exception exception);
}
