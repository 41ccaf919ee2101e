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

    [Fact]
    public async Task Grpcio_makes_every_kind_of_call()
    {
        var folder = Path.Combine(Peers.ProjectFolder, "python");
        // The test command of the project installs it.
        Assert.SkipUnless(
            File.Exists("/usr/bin/python3") && (await Peers.RunAsync("/usr/bin/python3", ["-c", "import grpc"], folder, TestContext.Current.CancellationToken)).ExitCode == 0,
            "Debian's python3-grpcio is not installed.");
        await using var server = await StartAsync();

        var (exitCode, output) = await Peers.RunAsync(
            "/usr/bin/python3", ["echo_client.py", server.Address.Authority], folder, TestContext.Current.CancellationToken);

        Assert.True(exitCode == 0, output);
        Assert.EndsWith("11 passed, 0 failed", output.TrimEnd(), StringComparison.Ordinal);
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
