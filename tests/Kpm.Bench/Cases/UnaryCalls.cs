using Kpm.Bench.Anchors;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;

namespace Kpm.Bench.Cases;

/// <summary>P3: unary calls with a session check against an echo on bare Kestrel.</summary>
internal sealed class UnaryCalls : BenchCase
{
    private static readonly (string Path, bool Judged)[] Calls =
    [
        ("/kpm.v1.VaultService/GetUsage", true),
        ("/kpm.v1.AccountService/GetAccount", false),
    ];

    public override string Name => "P3";

    public override string Title => "unary calls with a session check, against an echo on bare Kestrel";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var server = await KpmServer.StartAsync(context.Options, cancel);
        await using var bare = await AnchorServer.StartAsync("bare", cancel);
        using var device = (await BenchAccounts.CreateAsync(server, 1, 1, cancel))[0];
        var empty = RawRequest.Frame([]);
        var echo = new RawRequest("/bare", empty, device.AccessToken);
        var (pairs, duration) = (context.Options.Pairs, context.Options.Duration);
        await RawLoad.CallsAsync(bare.Address, echo, 1, 100, empty.Length, WarmUp);
        foreach (var (path, judged) in Calls)
        {
            var call = new RawRequest(path, empty, device.AccessToken);
            var length = RawLoad.ResponseBytes(server.Address, call);
            if (length <= empty.Length)
            {
                throw new InvalidOperationException($"{path} did not answer with a message.");
            }

            await RawLoad.CallsAsync(server.Address, call, 1, 100, length, WarmUp);
            var name = path[(path.LastIndexOf('/') + 1)..];
            foreach (var (connections, concurrency, must, goal) in ((int, int, double, double)[])[(1, 100, 0.70, 0.85), (32, 1, 0.80, 0.90)])
            {
                var results = await Paired.MeasureAsync(
                    pairs,
                    _ => server.Process.ChargeAsync(() => RawLoad.CallsAsync(server.Address, call, connections, concurrency, length, duration)),
                    _ => bare.Process.ChargeAsync(() => RawLoad.CallsAsync(bare.Address, echo, connections, concurrency, empty.Length, duration)),
                    cancel);
                context.Report.AddRates(
                    Name,
                    $"{name}, {connections} connections x {concurrency}",
                    results,
                    judged ? Bound.Min(must) : null,
                    judged ? Bound.Min(goal) : null);
            }

            var single = await Paired.MeasureAsync(
                pairs,
                _ => server.Process.ChargeAsync(() => RawLoad.CallsAsync(server.Address, call, 1, 1, length, duration)),
                _ => bare.Process.ChargeAsync(() => RawLoad.CallsAsync(bare.Address, echo, 1, 1, empty.Length, duration)),
                cancel);
            context.Report.Add(new Row
            {
                Id = Name,
                What = $"{name}, 1 x 1: p50 added",
                Unit = "us",
                Samples = [.. single.Select(r => r.Ours.P50 - r.Anchor.P50)],
                Ours = Microseconds(Statistics.Median([.. single.Select(r => r.Ours.P50)])),
                Anchor = Microseconds(Statistics.Median([.. single.Select(r => r.Anchor.P50)])),
                Must = judged ? Bound.Max(60) : null,
                Goal = judged ? Bound.Max(30) : null,
            });

            var allocated = await server.Probe.AllocatedAsync(() => RawLoad.CallsAsync(server.Address, call, 1, 16, length, duration), cancel);
            var allocatedBare = await bare.Probe.AllocatedAsync(() => RawLoad.CallsAsync(bare.Address, echo, 1, 16, empty.Length, duration), cancel);
            context.Report.Add(new Row
            {
                Id = Name,
                What = $"{name}: bytes allocated a call, added",
                Unit = "bytes",
                Samples = [allocated - allocatedBare],
                Ours = $"{allocated:0}",
                Anchor = $"{allocatedBare:0}",
            });
        }
    }
}
