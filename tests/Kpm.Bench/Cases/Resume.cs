using System.Diagnostics;
using System.Globalization;
using Grpc.Core;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;

namespace Kpm.Bench.Cases;

/// <summary>P6: a device that comes back after one change, by the size of the vault.</summary>
internal sealed class Resume : BenchCase
{
    private const int Large = 100_000;
    private const int Small = 1_000;
    private const int ResumesASection = 50;

    public override string Name => "P6";

    public override string Title => "resume after one change, a vault of 100,000 items against one of 1,000";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var server = await KpmServer.StartAsync(context.Options, cancel);
        using var small = await FilledVault.CreateAsync(server, Small, cancel);
        // One less than the quota allows: the changes are of an item that is there.
        using var large = await FilledVault.CreateAsync(server, Large, cancel);
        using var channel = Channels.One(server.Address);
        await small.Reader.ReadAsync(channel, chained: true, cancel);
        await large.Reader.ReadAsync(channel, chained: true, cancel);
        var bytes = new Dictionary<FilledVault, long> { [small] = 0, [large] = 0 };
        var results = await Paired.MeasureAsync(
            context.Options.Pairs,
            c => server.Process.ChargeAsync(() => ResumeAsync(channel, large, bytes, c)),
            c => server.Process.ChargeAsync(() => ResumeAsync(channel, small, bytes, c)),
            cancel);
        context.Report.AddLatencies(Name, "resume after one change, p50", results, r => r.P50, Bound.Max(1.5), Bound.Max(1.1));
        context.Report.AddLatencies(Name, "resume after one change, p99", results, r => r.P99);
        var count = (context.Options.Pairs + 1) * ResumesASection;
        context.Report.Add(new Row
        {
            Id = Name,
            What = "resume after one change, bytes of messages",
            Unit = "x",
            Samples = [(double)bytes[large] / bytes[small]],
            Ours = string.Create(CultureInfo.InvariantCulture, $"{bytes[large] / count:#,0} B"),
            Anchor = string.Create(CultureInfo.InvariantCulture, $"{bytes[small] / count:#,0} B"),
            Must = Bound.Max(1.5),
            Goal = Bound.Max(1.1),
        });
    }

    /// <summary>The change is written before the clock starts; timed is from opening the stream to its bookmark.</summary>
    private static async Task<LoadResult> ResumeAsync(ChannelBase channel, FilledVault vault, Dictionary<FilledVault, long> bytes, CancellationToken cancel)
    {
        var log = new LatencyLog(ResumesASection);
        var elapsed = TimeSpan.Zero;
        for (var i = 0; i < ResumesASection; i++)
        {
            await vault.ChangeAsync(channel, cancel);
            var cursor = vault.Reader.Cursor;
            var start = Stopwatch.GetTimestamp();
            var sizes = await vault.Reader.ReadAsync(channel, chained: true, cancel);
            var ticks = Stopwatch.GetTimestamp() - start;
            if (vault.Reader.Cursor != cursor + 1)
            {
                throw new InvalidOperationException($"One change was written, {vault.Reader.Cursor - cursor} came.");
            }

            log.Add(ticks);
            elapsed += Stopwatch.GetElapsedTime(start);
            bytes[vault] += sizes.Sum();
        }

        return new LoadResult(log.Count, elapsed, LatencyLog.MergeSorted([log]));
    }
}
