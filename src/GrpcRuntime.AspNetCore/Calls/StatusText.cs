using Grpc.Core;
using Microsoft.Extensions.Primitives;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>The values of <c>grpc-status</c>, made once.</summary>
internal static class StatusText
{
    private static readonly StringValues[] Known =
        [.. Enumerable.Range(0, (int)StatusCode.Unauthenticated + 1).Select(code => new StringValues(code.ToString(System.Globalization.CultureInfo.InvariantCulture)))];

    /// <summary>A code that gRPC does not know is sent as the number it is.</summary>
    public static StringValues Of(StatusCode code) => (uint)code < (uint)Known.Length
        ? Known[(int)code]
        : new StringValues(((int)code).ToString(System.Globalization.CultureInfo.InvariantCulture));
}
