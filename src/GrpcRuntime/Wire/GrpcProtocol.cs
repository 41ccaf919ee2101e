namespace Grpc.Wire;

/// <summary>Names and values that gRPC over HTTP/2 fixes.</summary>
internal static class GrpcProtocol
{
    public const string ContentType = "application/grpc";
    public const string StatusHeader = "grpc-status";
    public const string MessageHeader = "grpc-message";
    public const string TimeoutHeader = "grpc-timeout";
    public const string EncodingHeader = "grpc-encoding";
    public const string AcceptEncodingHeader = "grpc-accept-encoding";
    public const string StatusDetailsHeader = "grpc-status-details-bin";

    /// <summary>A client's wish, read by the client alone: the encoding of its own requests.</summary>
    public const string RequestEncodingHeader = "grpc-internal-encoding-request";

    public const string IdentityEncoding = "identity";

    /// <summary>The limit on a received message where none is set: 4 MiB, as in every gRPC implementation.</summary>
    public const int DefaultMaxReceiveMessageSize = 4 * 1024 * 1024;

    /// <summary>Whether a content type is gRPC with Protocol Buffers: <c>application/grpc</c>, alone or with <c>+proto</c>, parameters aside.</summary>
    public static bool IsGrpcContentType(ReadOnlySpan<char> contentType)
    {
        if (!contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var rest = contentType[ContentType.Length..];
        if (rest.StartsWith("+proto", StringComparison.OrdinalIgnoreCase))
        {
            rest = rest["+proto".Length..];
        }

        rest = rest.TrimStart(" \t");
        return rest.IsEmpty || rest[0] == ';';
    }
}
