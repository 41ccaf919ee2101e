using System.IO.Compression;
using Grpc.Net.Compression;

namespace Grpc.AspNetCore.Server;

/// <summary>Options of all services, or, as <see cref="GrpcServiceOptions{TService}"/>, of one of them.</summary>
public class GrpcServiceOptions
{
    private int? _maxReceiveMessageSize;

    /// <summary>The longest message that is sent, in bytes, before compression; null for no limit, which is the default.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>The longest message that is received, in bytes, after decompression; null for no limit. 4 MiB where it is not set.</summary>
    public int? MaxReceiveMessageSize
    {
        get => _maxReceiveMessageSize;
        set
        {
            _maxReceiveMessageSize = value;
            MaxReceiveMessageSizeConfigured = true;
        }
    }

    /// <summary>Whether the text of an unexpected exception is sent to the caller; false where it is not set.</summary>
    public bool? EnableDetailedErrors { get; set; }

    /// <summary>The encoding of response messages for callers that accept it, such as <c>gzip</c>; null for none.</summary>
    public string? ResponseCompressionAlgorithm { get; set; }

    /// <summary>How hard to compress responses; null for the provider's own level.</summary>
    public CompressionLevel? ResponseCompressionLevel { get; set; }

    /// <summary>The encodings that are understood and offered, besides gzip and deflate.</summary>
    public IList<ICompressionProvider> CompressionProviders { get; set; } = [];

    /// <summary>The interceptors, the first outermost. Those of all services run around those of one service.</summary>
    public InterceptorCollection Interceptors { get; } = [];

    /// <summary>Whether calls of unknown services and methods are left to the rest of the application; otherwise they end with UNIMPLEMENTED.</summary>
    public bool? IgnoreUnknownServices { get; set; }

    /// <summary>Null may be set on purpose: it takes the limit away.</summary>
    internal bool MaxReceiveMessageSizeConfigured { get; private set; }
}

/// <summary>Options of one service, which win over those of all services.</summary>
/// <typeparam name="TService">The service.</typeparam>
public class GrpcServiceOptions<TService> : GrpcServiceOptions
    where TService : class;
