using System.Diagnostics;
using System.Globalization;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.Product;
using Kpm.V1;

namespace Kpm.Bench.Cases;

/// <summary>P11: from the start of the process to its first answer, after it was killed.</summary>
internal sealed class StartUp : BenchCase
{
    private const int Items = 100_000;

    public override string Name => "P11";

    public override string Title => "start to the first answer with 100,000 items, after kill -9";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var filled = await KpmServer.StartAsync(context.Options, cancel);
        await using var empty = await KpmServer.StartAsync(context.Options, cancel);
        using var vault = await FilledVault.CreateAsync(filled, Items, cancel);
        var results = await Paired.MeasureAsync(
            context.Options.Pairs,
            async c =>
            {
                // Something is in the write-ahead log each time, for the start to recover.
                using (var channel = Channels.One(filled.Address))
                {
                    await vault.ChangeAsync(channel, c);
                }

                return await KillAndStartAsync(filled, c);
            },
            c => KillAndStartAsync(empty, c),
            cancel);
        context.Report.Add(new Row
        {
            Id = Name,
            What = "start to the first answer with 100,000 items, and with none",
            Unit = "s",
            Samples = [.. results.Select(r => r.Ours)],
            Ours = Seconds(results.Select(r => r.Ours)),
            Anchor = Seconds(results.Select(r => r.Anchor)),
            Must = Bound.Max(1.5),
            Goal = Bound.Max(0.7),
        });
    }

    private static async Task<double> KillAndStartAsync(KpmServer server, CancellationToken cancel)
    {
        var start = Stopwatch.GetTimestamp();
        await server.KillAndStartAsync(cancel);
        using var channel = Channels.One(server.Address);
        await new AccountService.AccountServiceClient(channel).GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = "en-GB" }, cancellationToken: cancel);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static string Seconds(IEnumerable<double> values) =>
        string.Create(CultureInfo.InvariantCulture, $"{Statistics.Median([.. values]):0.00} s");
}
