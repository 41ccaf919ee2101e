using Kpm.Bench.Anchors;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.V1;

namespace Kpm.Bench.Cases;

/// <summary>P3r: the runtime's own part of P3, an empty unary call, against an echo on bare Kestrel.</summary>
internal sealed class RuntimeCalls : BenchCase
{
    public override string Name => "P3r";

    public override string Title => "gRPC runtime against an echo on bare Kestrel, unary calls of an empty message";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var ours = await AnchorServer.StartAsync("grpc", cancel);
        await using var bare = await AnchorServer.StartAsync("bare", cancel);
        var empty = RawRequest.Frame([]);
        var call = new RawRequest(EchoGrpcService.Path + nameof(EchoService.EchoServiceBase.Echo), empty);
        var echo = new RawRequest("/bare", empty);
        var (pairs, duration) = (context.Options.Pairs, context.Options.Duration);
        await RawLoad.CallsAsync(ours.Address, call, 1, 100, empty.Length, WarmUp);
        await RawLoad.CallsAsync(bare.Address, echo, 1, 100, empty.Length, WarmUp);
        foreach (var (connections, concurrency, must, goal) in ((int, int, double, double)[])[(1, 100, 0.70, 0.85), (1, 16, 0.70, 0.85), (32, 1, 0.80, 0.90)])
        {
            var results = await MeasureAsync(connections, concurrency);
            context.Report.AddRates(Name, $"empty unary call, {connections} x {concurrency}", results, Bound.Min(must), Bound.Min(goal));
        }

        var single = await MeasureAsync(1, 1);
        context.Report.AddRates(Name, "empty unary call, 1 x 1", single);
        context.Report.Add(new Row
        {
            Id = Name,
            What = "empty unary call, 1 x 1: p50 added",
            Unit = "us",
            Samples = [.. single.Select(r => r.Ours.P50 - r.Anchor.P50)],
            Ours = Microseconds(Statistics.Median([.. single.Select(r => r.Ours.P50)])),
            Anchor = Microseconds(Statistics.Median([.. single.Select(r => r.Anchor.P50)])),
            Must = Bound.Max(60),
            Goal = Bound.Max(30),
        });

        var (byOurs, byBare) = (await ours.Probe.AllocatedAsync(Load(ours, call), cancel), await bare.Probe.AllocatedAsync(Load(bare, echo), cancel));
        context.Report.Add(new Row
        {
            Id = Name,
            What = "bytes allocated a call, added",
            Unit = "bytes",
            Samples = [byOurs - byBare],
            Ours = $"{byOurs:0}",
            Anchor = $"{byBare:0}",
        });

        Func<Task<LoadResult>> Load(AnchorServer server, RawRequest request) => () => RawLoad.CallsAsync(server.Address, request, 1, 16, empty.Length, duration);

        Task<List<(LoadResult Ours, LoadResult Anchor)>> MeasureAsync(int connections, int concurrency) => Paired.MeasureAsync(
            pairs,
            _ => ours.Process.ChargeAsync(() => RawLoad.CallsAsync(ours.Address, call, connections, concurrency, empty.Length, duration)),
            _ => bare.Process.ChargeAsync(() => RawLoad.CallsAsync(bare.Address, echo, connections, concurrency, empty.Length, duration)),
            cancel);
    }
}
