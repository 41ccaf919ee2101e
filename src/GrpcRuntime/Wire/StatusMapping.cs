using Grpc.Core;

namespace Grpc.Wire;

/// <summary>What a failure of HTTP means as a gRPC status, by the tables of the gRPC specification.</summary>
internal static class StatusMapping
{
    /// <summary>For a response that has no <c>grpc-status</c>.</summary>
    public static StatusCode FromHttpStatus(int httpStatus) => httpStatus switch
    {
        400 => StatusCode.Internal,
        401 => StatusCode.Unauthenticated,
        403 => StatusCode.PermissionDenied,
        404 => StatusCode.Unimplemented,
        429 or 502 or 503 or 504 => StatusCode.Unavailable,
        _ => StatusCode.Unknown,
    };

    /// <summary>For a stream that the peer reset with an HTTP/2 error code.</summary>
    public static StatusCode FromHttp2Error(long errorCode) => errorCode switch
    {
        7 => StatusCode.Unavailable, // REFUSED_STREAM: not processed
        8 => StatusCode.Cancelled, // CANCEL
        11 => StatusCode.ResourceExhausted, // ENHANCE_YOUR_CALM
        12 => StatusCode.PermissionDenied, // INADEQUATE_SECURITY
        _ => StatusCode.Internal,
    };

    /// <summary>For a received <c>grpc-status</c>; a number of no known status is UNKNOWN, as is what is no number.</summary>
    public static StatusCode FromHeader(ReadOnlySpan<char> value) =>
        int.TryParse(value, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number)
            && number is >= (int)StatusCode.OK and <= (int)StatusCode.Unauthenticated
            ? (StatusCode)number
            : StatusCode.Unknown;
}
