using Kpm.Bench.Anchors;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;

namespace Kpm.Bench.Cases;

/// <summary>P2: from a push on one device to its arrival on the others.</summary>
internal sealed class FanOut : BenchCase
{
    /// <summary>All pairs together: enough for a p99.</summary>
    private const int PushesInAll = 2_500;

    private static readonly (int Receivers, Bound Must, Bound Goal)[] Sizes =
    [
        (1, Bound.Max(1.1), Bound.Max(0.9)),
        (10, Bound.Max(1.1), Bound.Max(0.9)),
        (100, Bound.Max(1.0), Bound.Max(0.8)),
    ];

    public override string Name => "P2";

    public override string Title => "push to another device's stream, against etcd's put to watch";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        var (etcd, missing) = await Etcd.TryStartAsync(context.Options, cancel);
        await using var disposeEtcd = etcd;
        await using var server = await KpmServer.StartAsync(context.Options, cancel);
        await WarmUpAsync(server, etcd, cancel);
        var pushes = (PushesInAll + context.Options.Pairs - 1) / context.Options.Pairs;
        foreach (var (receivers, must, goal) in Sizes.Where(s => context.Options.Wants(s.Receivers)))
        {
            var devices = await BenchAccounts.CreateAsync(server, 1, receivers + 1, cancel);
            using var load = await KpmLoad.OpenAsync(server, devices, cancel);
            var anchor = etcd == null ? null : new EtcdLoad(etcd.Address);
            var results = await Paired.MeasureAsync(
                context.Options.Pairs,
                c => load.PushesToStreamsAsync(pushes, c),
                c => anchor == null ? Task.FromResult(LoadResult.None) : anchor.PutsToWatchersAsync(receivers, pushes, c),
                cancel);
            context.Report.AddLatencies(Name, $"push to stream, {receivers} receivers, p50", results, r => r.P50, must, goal, missing);
            context.Report.AddLatencies(Name, $"push to stream, {receivers} receivers, p99", results, r => r.P99, Bound.Max(1.5), Bound.Max(1.0), missing);
            devices.ForEach(d => d.Dispose());
        }
    }

    private static async Task WarmUpAsync(KpmServer server, Etcd? etcd, CancellationToken cancel)
    {
        const int receivers = 10;
        var devices = await BenchAccounts.CreateAsync(server, 1, receivers + 1, cancel);
        using var load = await KpmLoad.OpenAsync(server, devices, cancel);
        await load.PushesToStreamsAsync(PushesInAll, cancel);
        if (etcd != null)
        {
            await new EtcdLoad(etcd.Address).PutsToWatchersAsync(receivers, PushesInAll, cancel);
        }

        devices.ForEach(d => d.Dispose());
    }
}
