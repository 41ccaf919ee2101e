using System.Diagnostics.CodeAnalysis;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client.Calls;

/// <summary>What a failure of the transport, or of the peer, means as a status.</summary>
internal static class ClientStatus
{
    /// <summary>An exception that says how the peer broke the protocol.</summary>
    public static RpcException Violation(StatusCode code, string detail) => new(new Status(code, detail));

    /// <summary>The status of what the HTTP client threw.</summary>
    public static Status FromException(Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case RpcException rpc:
                    return rpc.Status;
                case HttpProtocolException protocol when IsStreamReset(protocol):
                    return new Status(
                        StatusMapping.FromHttp2Error(protocol.ErrorCode),
                        $"The peer ended the stream with HTTP/2 error code {protocol.ErrorCode}.",
                        error);
                case HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded }:
                    return new Status(StatusCode.ResourceExhausted, Describe(e), error);
            }
        }

        // Connecting, the handshake, and a connection that broke all mean that the server cannot be reached now.
        var code = error is HttpRequestException or IOException or OperationCanceledException
            ? StatusCode.Unavailable
            : StatusCode.Internal;
        return new Status(code, Describe(error), error);
    }

    /// <summary>The status that headers or trailers carry; null when they carry none.</summary>
    public static Status? FromHeaders(HttpHeaders headers)
    {
        if (Get(headers, GrpcProtocol.StatusHeader) is not { } value)
        {
            return null;
        }

        var code = StatusMapping.FromHeader(value);
        if (Get(headers, GrpcProtocol.MessageHeader) is { } message)
        {
            return new Status(code, PercentEncoding.Decode(message));
        }

        return code == StatusCode.OK ? Status.DefaultSuccess : new Status(code, "");
    }

    /// <summary>The value of a header, as it came; null when there is none.</summary>
    public static string? Get(HttpHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    /// <summary>The metadata among headers; false, with the header's name, when a binary value is malformed.</summary>
    public static bool TryReadMetadata(HttpHeaders headers, out Metadata metadata, [NotNullWhen(false)] out string? malformed)
    {
        metadata = [];
        malformed = null;
        foreach (var (name, values) in headers.NonValidated)
        {
            if (MetadataWire.IsReserved(name))
            {
                continue;
            }

            foreach (var value in values)
            {
                if (!MetadataWire.TryAdd(metadata, name, value))
                {
                    metadata.Clear();
                    malformed = name;
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>
    /// Whether the peer reset this one stream, with a code that means something. The HTTP client has the same exception for
    /// a whole connection that was closed, that fell silent or on which nonsense came, and there with codes of its own
    /// making: only its text tells them apart (where texts are trimmed away, the name of the text).
    /// </summary>
    private static bool IsStreamReset(HttpProtocolException error) =>
        error.Message.Contains("reset the stream", StringComparison.Ordinal)
        || (error.Message.StartsWith("net_http_http", StringComparison.Ordinal) && error.Message.Contains("stream_error", StringComparison.Ordinal));

    private static string Describe(Exception error) => $"{error.GetType().Name}: {error.Message}";
}
