using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace GrpcRuntime.Tests.Client;

/// <summary>TLS, Unix sockets, and handlers of the caller's own.</summary>
public sealed class TransportTests
{
    [Fact]
    public async Task Tls_carries_calls_and_call_credentials()
    {
        using var certificate = SelfSigned();
        await using var peer = await RawPeer.StartAsync(Answer, listen: o => o.Listen(IPAddress.Loopback, 0, l => l.UseHttps(certificate).Protocols = HttpProtocols.Http2));
        using var channel = peer.Channel(o =>
        {
            o.Credentials = ChannelCredentials.Create(ChannelCredentials.SecureSsl, CallCredentials.FromInterceptor((_, metadata) =>
            {
                metadata.Add("authorization", "Bearer secret");
                return Task.CompletedTask;
            }));
            o.HttpHandler = new SocketsHttpHandler { SslOptions = Trusting(certificate) };
        });

        Assert.Equal("https Bearer secret", await channel.Call());
    }

    [Fact]
    public async Task A_certificate_that_is_not_trusted_is_unavailable()
    {
        using var certificate = SelfSigned();
        await using var peer = await RawPeer.StartAsync(Answer, listen: o => o.Listen(IPAddress.Loopback, 0, l => l.UseHttps(certificate).Protocols = HttpProtocols.Http2));
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
    }

    [Fact]
    public async Task A_unix_socket_carries_calls()
    {
        var path = Path.Combine(Path.GetTempPath(), $"grpc-{Guid.NewGuid():N}.sock");
        await using var peer = await RawPeer.StartAsync(Answer, listen: o => o.ListenUnixSocket(path, l => l.Protocols = HttpProtocols.Http2));
        using var channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, stop) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            },
            DisposeHttpClient = true,
        });

        Assert.Equal("http ", await channel.Call());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_or_handler_of_the_callers_is_disposed_only_when_told(bool dispose)
    {
        await using var peer = await RawPeer.StartAsync(Answer);
        using var handler = new CountingHandler();
        using var client = new HttpClient(handler, disposeHandler: true);
        using (var channel = peer.Channel(o => (o.HttpClient, o.DisposeHttpClient) = (client, dispose)))
        {
            Assert.Equal("http ", await channel.Call());
        }

        Assert.Equal((1, dispose), (handler.Requests, handler.IsDisposed));
        using var second = new CountingHandler();
        using (var channel = peer.Channel(o => (o.HttpHandler, o.DisposeHttpClient) = (second, dispose)))
        {
            Assert.Equal("http ", await channel.Call());
        }

        Assert.Equal((1, dispose), (second.Requests, second.IsDisposed));
        Assert.Throws<ArgumentException>(() => peer.Channel(o => (o.HttpClient, o.HttpHandler) = (client, second)));
    }

    private static async Task Answer(HttpContext context)
    {
        context.Begin();
        await context.SendAsync(Raw.Frame($"{context.Request.Scheme} {context.Request.Headers.Authorization}"));
        context.End(0);
    }

    private static SslClientAuthenticationOptions Trusting(X509Certificate2 certificate) => new()
    {
        RemoteCertificateValidationCallback = (_, presented, _, _) => presented is not null && presented.GetRawCertData().AsSpan().SequenceEqual(certificate.RawData),
    };

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private sealed class CountingHandler() : DelegatingHandler(new SocketsHttpHandler())
    {
        public int Requests { get; private set; }

        public bool IsDisposed { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Requests++;
            return base.SendAsync(request, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            IsDisposed = true;
            base.Dispose(disposing);
        }
    }
}
