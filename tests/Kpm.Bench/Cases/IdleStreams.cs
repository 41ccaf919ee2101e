using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;

namespace Kpm.Bench.Cases;

/// <summary>P5: what an idle device costs the server.</summary>
internal sealed class IdleStreams : BenchCase
{
    private const int DevicesAnAccount = 10;
    private const int SharedConnection = 100;
    private const int WarmUpStreams = 300;

    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(3);

    public override string Name => "P5";

    public override string Title => "memory of the server for each idle stream";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        var streams = context.Options.Streams;
        await MeasureAsync(context, $"{streams} streams, a connection each", streams, 1, Bound.Max(48), Bound.Max(36), cancel);
        await MeasureAsync(context, $"{streams} streams, {SharedConnection} on a connection", streams, SharedConnection, Bound.Max(12), Bound.Max(8), cancel);
    }

    private async Task MeasureAsync(BenchContext context, string what, int streams, int onAConnection, Bound must, Bound goal, CancellationToken cancel)
    {
        await using var server = await KpmServer.StartAsync(context.Options, cancel);
        var devices = (await BenchAccounts.CreateAsync(server, (streams + DevicesAnAccount - 1) / DevicesAnAccount, DevicesAnAccount, cancel)).Take(streams).ToList();
        // A first round pays for what is there once: code, pools, threads, caches.
        await using (await OpenAsync(server, devices[..Math.Min(streams, WarmUpStreams)], onAConnection, cancel))
        {
        }

        await Task.Delay(Settle, cancel);
        var before = await LookAsync(server, cancel);
        await using var open = await OpenAsync(server, devices, onAConnection, cancel);
        await Task.Delay(Settle, cancel);
        var after = await LookAsync(server, cancel);
        Add(context, what + ", resident", before.ResidentCollected, after.Resident, streams, must, goal);
        Add(context, what + ", resident after a forced collection", before.ResidentCollected, after.ResidentCollected, streams, must, goal);
        Add(context, what + ", managed heap after a forced collection", before.HeapCollected, after.HeapCollected, streams, null, null);
        server.Process.ThrowIfGone();
    }

    private void Add(BenchContext context, string what, long before, long after, int streams, Bound? must, Bound? goal) =>
        context.Report.Add(new Row
        {
            Id = Name,
            What = what,
            Unit = "KiB",
            Samples = [(after - before) / 1024.0 / streams],
            Ours = Mebibytes(after),
            Anchor = Mebibytes(before),
            Must = must,
            Goal = goal,
        });

    private static string Mebibytes(long bytes) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / 1048576.0:#,0.0} MiB");

    private static async Task<Memory> LookAsync(KpmServer server, CancellationToken cancel)
    {
        var resident = server.Process.ResidentBytes();
        var heap = (await server.Probe.MemoryAsync(collect: true, cancel)).HeapBytes;
        return new Memory(resident, server.Process.ResidentBytes(), heap);
    }

    private static async Task<OpenStreams> OpenAsync(KpmServer server, List<BenchDevice> devices, int onAConnection, CancellationToken cancel)
    {
        var open = new OpenStreams();
        var channels = Enumerable.Range(0, (devices.Count + onAConnection - 1) / onAConnection).Select(_ => Channels.One(server.Address)).ToArray();
        open.Parts.AddRange(channels);
        await Parallel.ForAsync(0, devices.Count, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancel }, async (d, stop) =>
        {
            var stream = await SyncStream.OpenAsync(channels[d / onAConnection], devices[d], cancel);
            lock (open)
            {
                open.Parts.Add(stream);
            }
        });
        return open;
    }

    private sealed record Memory(long Resident, long ResidentCollected, long HeapCollected);

    private sealed class OpenStreams : IAsyncDisposable
    {
        public List<IDisposable> Parts { get; } = [];

        public ValueTask DisposeAsync()
        {
            // Streams before their channels.
            for (var i = Parts.Count - 1; i >= 0; i--)
            {
                Parts[i].Dispose();
            }

            return ValueTask.CompletedTask;
        }
    }
}
