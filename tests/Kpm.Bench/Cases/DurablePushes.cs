using Kpm.Bench.Anchors;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;

namespace Kpm.Bench.Cases;

/// <summary>P1: durable acknowledged pushes against etcd's puts.</summary>
internal sealed class DurablePushes : BenchCase
{
    private const int AccountsOfTheShared = 8;

    private static readonly (int Devices, Bound Must, Bound Goal)[] Sizes =
    [
        (1, Bound.Min(0.85), Bound.Min(1.0)),
        (32, Bound.Min(1.2), Bound.Min(1.5)),
        (256, Bound.Min(1.1), Bound.Min(1.5)),
    ];

    public override string Name => "P1";

    public override string Title => "durable acknowledged pushes of 1 KiB, one in flight a device, against etcd's puts";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        var (etcd, missing) = await Etcd.TryStartAsync(context.Options, cancel);
        await using var disposeEtcd = etcd;
        await using var server = await KpmServer.StartAsync(context.Options, cancel);
        await WarmUpAsync(server, etcd, cancel);
        foreach (var (devices, must, goal) in Sizes.Where(s => context.Options.Wants(s.Devices)))
        {
            var own = await BenchAccounts.CreateAsync(server, devices, 1, cancel);
            var results = await CompareAsync(context, server, own, etcd, cancel);
            Report(context, $"pushes, {devices} devices", missing, results, must, goal);
            own.ForEach(d => d.Dispose());
        }

        if (context.Options.Size != null)
        {
            return;
        }

        var shared = await BenchAccounts.CreateAsync(server, AccountsOfTheShared, 256 / AccountsOfTheShared, cancel);
        Report(context, $"pushes, 256 devices of {AccountsOfTheShared} accounts, each change to {256 / AccountsOfTheShared} of them", missing, await CompareAsync(context, server, shared, etcd, cancel), must: null, goal: null);
        shared.ForEach(d => d.Dispose());
    }

    private static async Task WarmUpAsync(KpmServer server, Etcd? etcd, CancellationToken cancel)
    {
        var devices = await BenchAccounts.CreateAsync(server, 32, 1, cancel);
        using var load = await KpmLoad.OpenAsync(server, devices, cancel);
        await load.PushesAsync(1, WarmUp, cancel);
        if (etcd != null)
        {
            await new EtcdLoad(etcd.Address).PutsAsync(devices.Count, WarmUp);
        }

        devices.ForEach(d => d.Dispose());
    }

    private static async Task<List<(LoadResult Ours, LoadResult Anchor)>> CompareAsync(BenchContext context, KpmServer server, List<BenchDevice> devices, Etcd? etcd, CancellationToken cancel)
    {
        using var load = await KpmLoad.OpenAsync(server, devices, cancel);
        var anchor = etcd == null ? null : new EtcdLoad(etcd.Address);
        return await Paired.MeasureAsync(
            context.Options.Pairs,
            c => load.PushesAsync(1, context.Options.Duration, c),
            _ => etcd == null ? Task.FromResult(LoadResult.None) : etcd.Process.ChargeAsync(() => anchor!.PutsAsync(devices.Count, context.Options.Duration)),
            cancel);
    }

    private void Report(BenchContext context, string what, string? missing, List<(LoadResult Ours, LoadResult Anchor)> results, Bound? must, Bound? goal)
    {
        context.Report.AddRates(Name, what + "/s", results, must, goal, missing);
        context.Report.AddLatencies(Name, what + ", p50", results, r => r.P50, missing: missing);
        var bound = what == "pushes, 256 devices" ? Bound.Max(1.0) : null;
        context.Report.AddLatencies(Name, what + ", p99", results, r => r.P99, bound, bound, missing);
    }
}

/// <summary>P1b: what pipelining on one stream brings.</summary>
internal sealed class PipelinedPushes : BenchCase
{
    private const int Devices = 32;
    private const int InFlight = 64;

    public override string Name => "P1b";

    public override string Title => "32 devices with up to 64 operations in flight each, against one in flight";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var server = await KpmServer.StartAsync(context.Options, cancel);
        var deep = await BenchAccounts.CreateAsync(server, Devices, 1, cancel);
        var shallow = await BenchAccounts.CreateAsync(server, Devices, 1, cancel);
        using var deepLoad = await KpmLoad.OpenAsync(server, deep, cancel);
        using var shallowLoad = await KpmLoad.OpenAsync(server, shallow, cancel);
        await shallowLoad.PushesAsync(1, WarmUp, cancel);
        var results = await Paired.MeasureAsync(
            context.Options.Pairs,
            c => deepLoad.PushesAsync(InFlight, context.Options.Duration, c),
            c => shallowLoad.PushesAsync(1, context.Options.Duration, c),
            cancel);
        context.Report.AddRates(Name, $"pushes/s, {Devices} devices x {InFlight} in flight against x 1", results, Bound.Min(1.5), Bound.Min(3));
        deep.ForEach(d => d.Dispose());
        shallow.ForEach(d => d.Dispose());
    }
}
