using Grpc.Core;
using Grpc.Net.Client.Configuration;
using Grpc.Net.Compression;
using Grpc.Wire;
using Microsoft.Extensions.Logging;

namespace Grpc.Net.Client;

/// <summary>What a <see cref="GrpcChannel"/> is made with.</summary>
public sealed class GrpcChannelOptions
{
    /// <summary>How the channel is secured; null to follow the scheme of the address.</summary>
    public ChannelCredentials? Credentials { get; set; }

    /// <summary>The longest message that may be sent, in bytes before compression; null for no limit, the default.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>The longest message that may be received, in bytes after decompression; null for no limit. 4 MiB by default.</summary>
    public int? MaxReceiveMessageSize { get; set; } = GrpcProtocol.DefaultMaxReceiveMessageSize;

    /// <summary>The most attempts a retry policy may make of one call; null for no limit. 5 by default.</summary>
    public int? MaxRetryAttempts { get; set; } = 5;

    /// <summary>The ways to compress that the channel knows; null for gzip and deflate.</summary>
    public IList<ICompressionProvider>? CompressionProviders { get; set; }

    /// <summary>The client to send with; not together with <see cref="HttpHandler"/>.</summary>
    public HttpClient? HttpClient { get; set; }

    /// <summary>The handler to send with; null for a <see cref="SocketsHttpHandler"/> of the channel's own.</summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>Whether the channel disposes the given client or handler with itself.</summary>
    public bool DisposeHttpClient { get; set; }

    /// <summary>Whether a call that its caller cancelled, or whose deadline passed, throws <see cref="OperationCanceledException"/> rather than <see cref="RpcException"/>.</summary>
    public bool ThrowOperationCanceledOnCancellation { get; set; }

    /// <summary>Whether call credentials are sent in the clear.</summary>
    public bool UnsafeUseInsecureChannelCallCredentials { get; set; }

    /// <summary>Retry policies of methods, and how calls are shared out among several addresses.</summary>
    public ServiceConfig? ServiceConfig { get; set; }

    /// <summary>Where the <see cref="Balancer.ResolverFactory"/> of the address's scheme is looked for.</summary>
    public IServiceProvider? ServiceProvider { get; set; }

    /// <summary>The longest pause before the first attempt to connect again; 1 second by default.</summary>
    public TimeSpan InitialReconnectBackoff { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The bound of every pause between attempts to connect; null for none. 2 minutes by default.</summary>
    public TimeSpan? MaxReconnectBackoff { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Where the channel and its calls log; null for nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The version of HTTP that calls ask for; null for 2.0.</summary>
    public Version? HttpVersion { get; set; }

    /// <summary>How strict that version is; null for exact.</summary>
    public HttpVersionPolicy? HttpVersionPolicy { get; set; }

    /// <summary>The clock of deadlines and of the pauses between attempts.</summary>
    internal TimeProvider TimeProvider { get; set; } = TimeProvider.System;
}
