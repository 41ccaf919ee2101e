using System.Collections.Frozen;
using System.IO.Compression;
using Grpc.Net.Compression;
using Grpc.Wire;

namespace Grpc.AspNetCore.Server;

/// <summary>What the options of all services and those of one service come to, fixed when the service is mapped.</summary>
internal sealed class CallSettings
{
    private CallSettings(GrpcServiceOptions all, GrpcServiceOptions own)
    {
        MaxSendMessageSize = own.MaxSendMessageSize ?? all.MaxSendMessageSize;
        MaxReceiveMessageSize = own.MaxReceiveMessageSizeConfigured ? own.MaxReceiveMessageSize
            : all.MaxReceiveMessageSizeConfigured ? all.MaxReceiveMessageSize
            : GrpcProtocol.DefaultMaxReceiveMessageSize;
        DetailedErrors = own.EnableDetailedErrors ?? all.EnableDetailedErrors ?? false;
        IgnoreUnknown = own.IgnoreUnknownServices ?? all.IgnoreUnknownServices ?? false;
        ResponseCompressionLevel = own.ResponseCompressionLevel ?? all.ResponseCompressionLevel;
        Interceptors = [.. all.Interceptors, .. own.Interceptors];

        var providers = new Dictionary<string, ICompressionProvider>(StringComparer.Ordinal);
        ICompressionProvider[] standard = [new GzipCompressionProvider(CompressionLevel.Fastest), new DeflateCompressionProvider(CompressionLevel.Fastest)];
        foreach (var provider in standard.Concat(all.CompressionProviders).Concat(own.CompressionProviders))
        {
            providers[provider.EncodingName] = provider;
        }

        Compression = providers.ToFrozenDictionary(StringComparer.Ordinal);
        AcceptEncoding = string.Join(',', providers.Keys.Prepend(GrpcProtocol.IdentityEncoding));
        if ((own.ResponseCompressionAlgorithm ?? all.ResponseCompressionAlgorithm) is { } encoding && encoding != GrpcProtocol.IdentityEncoding)
        {
            ResponseCompression = providers.GetValueOrDefault(encoding)
                ?? throw new InvalidOperationException($"The response compression algorithm '{encoding}' has no compression provider.");
        }
    }

    public int? MaxSendMessageSize { get; }

    public int? MaxReceiveMessageSize { get; }

    public bool DetailedErrors { get; }

    public bool IgnoreUnknown { get; }

    public ICompressionProvider? ResponseCompression { get; }

    public CompressionLevel? ResponseCompressionLevel { get; }

    public FrozenDictionary<string, ICompressionProvider> Compression { get; }

    /// <summary>The value of <c>grpc-accept-encoding</c>.</summary>
    public string AcceptEncoding { get; }

    public IReadOnlyList<InterceptorRegistration> Interceptors { get; }

    public static CallSettings Create(GrpcServiceOptions all, GrpcServiceOptions own) => new(all, own);
}
