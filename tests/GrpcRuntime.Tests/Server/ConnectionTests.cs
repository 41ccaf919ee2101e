using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using GrpcRuntime.Tests.Client;
using GrpcRuntime.Tests.Protos;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace GrpcRuntime.Tests.Server;

/// <summary>Server and client over every kind of connection: TLS with ALPN and client certificates, Unix sockets, peers that fell silent.</summary>
public sealed class ConnectionTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;
    private static readonly EchoRequest Hello = new() { Text = "hello" };

    [Fact]
    public async Task Tls_speaks_http2_by_alpn_and_nothing_else()
    {
        using var certificate = SelfSigned("localhost");
        await using var server = await StartTlsAsync(certificate);

        Assert.Equal(SslApplicationProtocol.Http2, await NegotiateAsync(server.Address, certificate, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11));
        await Assert.ThrowsAnyAsync<SystemException>(() => NegotiateAsync(server.Address, certificate, SslApplicationProtocol.Http11));

        using var channel = Channel(server.Address, certificate);
        Assert.Equal("hello", (await new Echo.EchoClient(channel).UnaryAsync(Hello, cancellationToken: Stop)).Text);
    }

    [Fact]
    public async Task A_client_certificate_is_the_identity_of_the_peer()
    {
        using var certificate = SelfSigned("localhost");
        using var own = SelfSigned("device-7");
        await using var server = await StartTlsAsync(certificate, https =>
        {
            https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            https.ClientCertificateValidation = (presented, _, _) => presented.RawData.AsSpan().SequenceEqual(own.RawData);
        });
        server.Hooks.Unary = (_, context) => Task.FromResult(new EchoReply
        {
            Text = $"{context.AuthContext.IsPeerAuthenticated} {context.AuthContext.FindPropertiesByName("x509_common_name").SingleOrDefault()?.Value}",
        });

        using var known = Channel(server.Address, certificate, own);
        Assert.Equal("True device-7", (await new Echo.EchoClient(known).UnaryAsync(Hello, cancellationToken: Stop)).Text);

        using var another = SelfSigned("device-7");
        foreach (var wrong in (X509Certificate2?[])[null, another])
        {
            using var unknown = Channel(server.Address, certificate, wrong);
            await new Echo.EchoClient(unknown).UnaryAsync(Hello, cancellationToken: Stop).ResponseAsync.FailsAsync(StatusCode.Unavailable);
        }
    }

    [Fact]
    public async Task Every_kind_of_call_goes_over_a_unix_socket()
    {
        var path = Path.Combine(Path.GetTempPath(), $"grpc-{Guid.NewGuid():N}.sock");
        await using var server = await TestServer.StartAsync(listen: kestrel => kestrel.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http2));
        var peer = "";
        server.Hooks.Unary = (request, context) =>
        {
            peer = context.Peer;
            return Task.FromResult(new EchoReply { Text = request.Text });
        };
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
        var echo = new Echo.EchoClient(channel);

        Assert.Equal("hello", (await echo.UnaryAsync(Hello, cancellationToken: Stop)).Text);
        Assert.StartsWith("unix:", peer, StringComparison.Ordinal);
        using var expand = echo.Expand(new EchoRequest { Count = 3 }, cancellationToken: Stop);
        Assert.Equal(3, await expand.ResponseStream.ReadAllAsync(Stop).CountAsync(Stop));
        using var chat = echo.Chat(cancellationToken: Stop);
        await chat.RequestStream.WriteAsync(Hello, Stop);
        Assert.True(await chat.ResponseStream.MoveNext(Stop));
        await chat.RequestStream.CompleteAsync();
        Assert.False(await chat.ResponseStream.MoveNext(Stop));
        using var collect = echo.Collect(cancellationToken: Stop);
        await collect.RequestStream.WriteAsync(Hello, Stop);
        await collect.RequestStream.CompleteAsync();
        Assert.Equal("hello", (await collect).Text);
    }

    [Fact]
    public async Task A_peer_that_answers_no_ping_is_hung_up_on_and_its_calls_are_cancelled()
    {
        await using var server = await TestServer.StartAsync(listen: kestrel =>
        {
            kestrel.ListenLocalhostOnFreePort(HttpProtocols.Http2);
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(1);
            kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(1);
        });
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Hooks.Chat = async (_, _, context) =>
        {
            await using var registration = context.CancellationToken.Register(cancelled.SetResult);
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        };
        await using var peer = await Http2Peer.ConnectAsync(server.Address, Stop);
        await peer.SendHeadersAsync(1, RawGrpc.Chat, endStream: false);

        // Nobody reads the pings of the server.
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        await peer.ReadFrameAsync(FrameType.Ping, 0);
    }

    [Fact]
    public async Task A_server_that_answers_no_ping_is_unavailable()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new FrameServer(async connection =>
        {
            await connection.ReadRequestAsync();
            // From here on nothing is read, and no ping answered.
            await done.Task.WaitAsync(Stop);
        });
        using var channel = server.Channel(new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                KeepAlivePingDelay = TimeSpan.FromSeconds(1),
                KeepAlivePingTimeout = TimeSpan.FromSeconds(1),
                KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
            },
            DisposeHttpClient = true,
        });

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        done.SetResult();
    }

    [Fact]
    public async Task Connections_beyond_the_limit_are_hung_up_on_and_those_before_go_on()
    {
        await using var server = await TestServer.StartAsync(listen: kestrel =>
        {
            kestrel.ListenLocalhostOnFreePort(HttpProtocols.Http2);
            kestrel.Limits.MaxConcurrentConnections = 1;
        });
        using var first = GrpcChannel.ForAddress(server.Address);
        using var second = GrpcChannel.ForAddress(server.Address);
        Assert.Equal("hello", (await new Echo.EchoClient(first).UnaryAsync(Hello, cancellationToken: Stop)).Text);

        await new Echo.EchoClient(second).UnaryAsync(Hello, cancellationToken: Stop).ResponseAsync.FailsAsync(StatusCode.Unavailable);

        Assert.Equal("hello", (await new Echo.EchoClient(first).UnaryAsync(Hello, cancellationToken: Stop)).Text);
    }

    [Fact]
    public async Task A_channel_finishes_its_calls_on_a_server_that_stops_and_connects_again_to_the_next()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var server = await TestServer.StartAsync();
        server.Hooks.Unary = async (_, _) =>
        {
            started.SetResult();
            await release.Task;
            return new EchoReply { Text = "old" };
        };
        using var channel = GrpcChannel.ForAddress(server.Address);
        var echo = new Echo.EchoClient(channel);
        var open = echo.UnaryAsync(Hello, cancellationToken: Stop).ResponseAsync;
        await started.Task.WaitAsync(Stop);
        var stopping = server.StopAsync();
        release.SetResult();

        Assert.Equal("old", (await open).Text);
        await stopping.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        await server.DisposeAsync();
        await using var next = await TestServer.StartAsync(listen: kestrel => kestrel.Listen(IPAddress.Loopback, server.Address.Port, listen => listen.Protocols = HttpProtocols.Http2));
        Assert.Equal("hello", (await echo.UnaryAsync(Hello, cancellationToken: Stop)).Text);
    }

    private static Task<TestServer> StartTlsAsync(X509Certificate2 certificate, Action<HttpsConnectionAdapterOptions>? configure = null) =>
        TestServer.StartAsync(listen: kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.UseHttps(certificate, https => configure?.Invoke(https));
        }));

    private static GrpcChannel Channel(Uri address, X509Certificate2 trusted, X509Certificate2? own = null) => GrpcChannel.ForAddress(address, new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler { SslOptions = Tls(trusted, own) },
        DisposeHttpClient = true,
    });

    private static SslClientAuthenticationOptions Tls(X509Certificate2 trusted, X509Certificate2? own) => new()
    {
        TargetHost = "localhost",
        ClientCertificates = own is null ? null : [own],
        RemoteCertificateValidationCallback = (_, presented, _, _) => presented is not null && presented.GetRawCertData().AsSpan().SequenceEqual(trusted.RawData),
    };

    private static async Task<SslApplicationProtocol> NegotiateAsync(Uri address, X509Certificate2 trusted, params SslApplicationProtocol[] offered)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, Stop);
        await using var tls = new SslStream(client.GetStream());
        var options = Tls(trusted, own: null);
        options.ApplicationProtocols = [.. offered];
        await tls.AuthenticateAsClientAsync(options, Stop);
        return tls.NegotiatedApplicationProtocol;
    }

    private static X509Certificate2 SelfSigned(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
