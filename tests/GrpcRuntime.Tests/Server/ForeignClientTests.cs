using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace GrpcRuntime.Tests.Server;

/// <summary>Clients of other implementations against our server.</summary>
public sealed class ForeignClientTests
{
    [Fact]
    public async Task Grpc_js_makes_every_kind_of_call()
    {
        await using var server = await StartAsync();

        var (exitCode, output) = await Peers.NodeAsync(
            "echo-client.mjs", [server.Address.Authority, Peers.EchoProtos, Peers.GrpcProtos], TestContext.Current.CancellationToken);

        Assert.True(exitCode == 0, output);
        Assert.EndsWith("14 passed, 0 failed", output.TrimEnd(), StringComparison.Ordinal);
    }

    private static Task<TestServer> StartAsync() => TestServer.StartAsync(
        grpc: options => options.ResponseCompressionAlgorithm = "gzip",
        services: services =>
        {
            services.AddGrpcHealthChecks();
            services.AddGrpcReflection();
        },
        map: app =>
        {
            app.MapGrpcHealthChecksService();
            app.MapGrpcReflectionService();
        });
}
