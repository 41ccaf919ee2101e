using System.Diagnostics;
using Grpc.Core;
using Kpm.Bench.Anchors;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;
using Kpm.Bench.V1;

namespace Kpm.Bench.Cases;

/// <summary>P7: a new device reads the whole vault.</summary>
internal sealed class FirstSync : BenchCase
{
    private const int Items = 10_000;

    public override string Name => "P7";

    public override string Title => "first sync of 10,000 items of 1 KiB, against a gRPC stream of messages of the same sizes from memory";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var server = await KpmServer.StartAsync(context.Options, cancel);
        await using var anchor = await AnchorServer.StartAsync("grpc", cancel);
        using var vault = await FilledVault.CreateAsync(server, Items, cancel);
        using var channel = Channels.One(server.Address);
        using var anchorChannel = Channels.One(anchor.Address);
        var sizes = new Sizes { Bytes = { await vault.Reader.ReadAsync(channel, chained: false, cancel) } };
        var warm = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(warm) < WarmUp)
        {
            await SyncAsync(channel, vault, TimeSpan.Zero, cancel);
            await StreamAsync(anchorChannel, sizes, TimeSpan.Zero, cancel);
        }

        var results = await Paired.MeasureAsync(
            context.Options.Pairs,
            c => server.Process.ChargeAsync(() => SyncAsync(channel, vault, context.Options.Duration, c)),
            c => anchor.Process.ChargeAsync(() => StreamAsync(anchorChannel, sizes, context.Options.Duration, c)),
            cancel);
        context.Report.AddRates(Name, "first syncs of 10,000 items, by the log", results, Bound.Min(0.4), Bound.Min(0.7));
    }

    private static Task<LoadResult> SyncAsync(ChannelBase channel, FilledVault vault, TimeSpan atLeast, CancellationToken cancel) =>
        RepeatAsync(atLeast, async () =>
        {
            vault.Reader.Forget();
            await vault.Reader.ReadAsync(channel, chained: false, cancel);
        });

    private static Task<LoadResult> StreamAsync(ChannelBase channel, Sizes sizes, TimeSpan atLeast, CancellationToken cancel) =>
        RepeatAsync(atLeast, async () =>
        {
            using var call = new EchoService.EchoServiceClient(channel).SizedStream(sizes, cancellationToken: cancel);
            var messages = 0;
            while (await call.ResponseStream.MoveNext(cancel))
            {
                messages++;
            }

            if (messages != sizes.Bytes.Count)
            {
                throw new InvalidOperationException($"{messages} of {sizes.Bytes.Count} messages came.");
            }
        });

    /// <summary>Whole transfers, one after the other, until the time is over: the rate counts their own time.</summary>
    private static async Task<LoadResult> RepeatAsync(TimeSpan atLeast, Func<Task> transfer)
    {
        var log = new LatencyLog();
        var start = Stopwatch.GetTimestamp();
        do
        {
            var before = Stopwatch.GetTimestamp();
            await transfer();
            log.Add(Stopwatch.GetTimestamp() - before);
        }
        while (Stopwatch.GetElapsedTime(start) < atLeast);

        return new LoadResult(log.Count, Stopwatch.GetElapsedTime(start), LatencyLog.MergeSorted([log]));
    }
}
