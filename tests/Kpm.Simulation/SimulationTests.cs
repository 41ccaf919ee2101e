using System.Collections.Concurrent;
using System.Globalization;
using Kpm.Simulation.Server;

namespace Kpm.Simulation;

/// <summary>
/// Seeds of the simulator. KPM_SIM_SEED=n runs one and prints its trace, with KPM_SIM_BUG=name as if that were planted; KPM_SIM_SEEDS=n runs so many; KPM_TEST_LONG=1 runs a million.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int EverydaySeeds = 1_000;
    private const int LongSeeds = 1_000_000;

    [Fact]
    public void Every_seed_keeps_every_guarantee()
    {
        if (Number("KPM_SIM_SEED") is { } only)
        {
            var bug = Enum.Parse<PlantedBug>(Environment.GetEnvironmentVariable("KPM_SIM_BUG") ?? nameof(PlantedBug.None));
            Console.Error.WriteLine(World.Run(only, bug, Console.Error.WriteLine));
            return;
        }

        var failures = new ConcurrentBag<string>();
        long changes = 0;
        long boots = 0;
        var seeds = Number("KPM_SIM_SEEDS") ?? (Environment.GetEnvironmentVariable("KPM_TEST_LONG") == "1" ? LongSeeds : EverydaySeeds);
        Parallel.For(1, seeds + 1, (seed, loop) =>
        {
            try
            {
                var run = World.Run(seed);
                Interlocked.Add(ref changes, run.Changes);
                Interlocked.Add(ref boots, run.Boots);
            }
            catch (Exception failure)
            {
                failures.Add($"seed {seed}: {failure}\n{failure.Data["trace"]}");
                if (failures.Count >= 10)
                {
                    loop.Stop();
                }
            }
        });
        output.WriteLine($"{seeds} seeds, {changes} changes, {boots} starts of the server");
        Assert.True(failures.IsEmpty, string.Join("\n\n", failures));
        Assert.True(changes > seeds * 10L && boots > seeds, "The runs were too quiet to mean anything.");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(42)]
    [InlineData(1001)]
    [InlineData(10)]
    [InlineData(30)]
    public void The_same_seed_gives_the_same_trace(int seed)
    {
        var first = World.Run(seed);

        Assert.Equal(first, World.Run(seed));
        Assert.NotEqual(first.TraceHash, World.Run(seed + 1).TraceHash);
    }

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
