using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Kpm.Bench.Harness;

namespace Kpm.Bench.Anchors;

/// <summary>A single etcd on free loopback ports with its own data folder, durable as it comes.</summary>
internal sealed class Etcd : IAsyncDisposable
{
    private readonly ChildProcess _child;
    private readonly ScratchFolder _data;

    private Etcd(ChildProcess child, ScratchFolder data, Uri address)
    {
        _child = child;
        _data = data;
        Address = address;
    }

    public Uri Address { get; }

    public ChildProcess Process => _child;

    /// <summary>Starts etcd, or returns null and why not.</summary>
    public static async Task<(Etcd? Etcd, string? Missing)> TryStartAsync(BenchOptions options, CancellationToken cancel)
    {
        var binary = options.Etcd ?? OnPath("etcd") ?? await DebianPackage.TryUnpackAsync("etcd-server", "usr/bin/etcd", cancel);
        if (binary == null)
        {
            return (null, "no etcd: give --etcd, or run where Debian's etcd-server can be downloaded");
        }

        var data = new ScratchFolder(options.Scratch, "etcd");
        var (client, peer) = TwoFreePorts();
        var start = new ProcessStartInfo(
            binary,
            [
                "--name", "bench", "--data-dir", data.Path,
                "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "bench=" + peer,
                "--quota-backend-bytes", "8589934592", "--logger", "zap", "--log-level", "info",
            ]);
        try
        {
            var (child, _) = await ChildProcess.StartAsync(
                "etcd",
                start,
                line => line.Contains("serving", StringComparison.Ordinal) && line.Contains("client", StringComparison.Ordinal) ? line : null,
                TimeSpan.FromSeconds(30),
                cancel);
            return (new Etcd(child, data, new Uri(client)), null);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _child.DisposeAsync();
        _data.Dispose();
    }

    private static string? OnPath(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    /// <summary>etcd takes no port 0; both are held open together so that they differ, then let go.</summary>
    private static (string Client, string Peer) TwoFreePorts()
    {
        using var first = new TcpListener(IPAddress.Loopback, 0);
        using var second = new TcpListener(IPAddress.Loopback, 0);
        first.Start();
        second.Start();
        return ($"http://127.0.0.1:{((IPEndPoint)first.LocalEndpoint).Port}", $"http://127.0.0.1:{((IPEndPoint)second.LocalEndpoint).Port}");
    }
}
