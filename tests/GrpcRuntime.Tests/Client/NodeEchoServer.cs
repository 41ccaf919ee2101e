using System.Diagnostics;
using GrpcRuntime.Tests.Server;

namespace GrpcRuntime.Tests.Client;

/// <summary>The echo service on grpc-js, in a process of its own that ends with its input.</summary>
internal sealed class NodeEchoServer : IAsyncDisposable
{
    private readonly Process _process;

    private NodeEchoServer(Process process, int port)
    {
        _process = process;
        Address = $"http://127.0.0.1:{port}";
    }

    public string Address { get; }

    public static async Task<NodeEchoServer> StartAsync(params string[] arguments)
    {
        var stop = TestContext.Current.CancellationToken;
        var folder = await Peers.InstallNodePackagesAsync(stop);
        var start = new ProcessStartInfo("node", ["echo-server.mjs", Peers.EchoProtos, .. arguments])
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var process = Process.Start(start) ?? throw new InvalidOperationException("node did not start.");
        var line = await process.StandardOutput.ReadLineAsync(stop).AsTask().WaitAsync(TimeSpan.FromSeconds(60), stop);
        Assert.StartsWith("port ", line, StringComparison.Ordinal);
        return new NodeEchoServer(process, int.Parse(line!["port ".Length..], System.Globalization.CultureInfo.InvariantCulture));
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
        _process.Dispose();
    }
}
