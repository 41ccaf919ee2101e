using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Reflection.V1Alpha;
using Kpm.V1;

namespace Kpm.Server.Tests.Hosting;

/// <summary>Limits and security of the transport.</summary>
public sealed class TransportTests
{
    [Fact]
    public async Task A_message_of_the_limit_is_read_and_a_longer_one_is_not()
    {
        await using var server = await TestServer.StartAsync();
        // The length of this password is judged by the rules, after the transport has let it through.
        var atLimit = new SignInRequest { Password = "" };
        atLimit.Password = new string('x', server.Limits.MessageBytes - Overhead(server.Limits.MessageBytes));
        Assert.Equal(server.Limits.MessageBytes, atLimit.CalculateSize());
        await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.SignInAsync(atLimit));

        atLimit.Password += "x";
        var tooLong = await Assert.ThrowsAsync<RpcException>(() => server.Accounts.SignInAsync(atLimit).ResponseAsync);
        Assert.Equal(StatusCode.ResourceExhausted, tooLong.StatusCode);

        static int Overhead(int limit) => new SignInRequest { Password = new string('x', limit) }.CalculateSize() - limit;
    }

    [Fact]
    public async Task It_speaks_TLS_with_a_certificate()
    {
        using var folder = new Storage.TempFolder();
        using var certificate = TestCertificate.Make("localhost");
        await File.WriteAllTextAsync(folder.File("cert.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(folder.File("key.pem"), TestCertificate.KeyPem(certificate));
        await using var server = await TestServer.StartAsync(options: o => o with { Certificate = folder.File("cert.pem"), CertificateKey = folder.File("key.pem") });
        Assert.StartsWith("https://", server.Address, StringComparison.Ordinal);
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == certificate.GetCertHashString();
        using var channel = GrpcChannel.ForAddress(server.Address, new GrpcChannelOptions { HttpHandler = handler });

        var options = await new AccountService.AccountServiceClient(channel).GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = "de-AT" });

        Assert.Equal("AT", options.SelectedRegion);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData(false, false)]
    public async Task Reflection_is_on_in_Development_unless_switched_off(bool? reflection, bool on)
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Reflection = reflection });
        using var call = new ServerReflection.ServerReflectionClient(server.Channel).ServerReflectionInfo(deadline: DateTime.UtcNow.AddSeconds(60));
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });

        if (on)
        {
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            Assert.Contains(call.ResponseStream.Current.ListServicesResponse.Service, s => s.Name == "kpm.v1.AccountService");
        }
        else
        {
            var refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));
            Assert.Equal(StatusCode.Unimplemented, refusal.StatusCode);
        }
    }

    [Fact]
    public async Task HTTP_1_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        using var client = new HttpClient { DefaultRequestVersion = HttpVersion.Version11, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };

        using var response = await client.GetAsync(new Uri(server.Address));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("HTTP/2 only", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
