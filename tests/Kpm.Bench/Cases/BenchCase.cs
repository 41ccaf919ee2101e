using Kpm.Bench.Harness;

namespace Kpm.Bench.Cases;

/// <summary>One thing to measure, by the number it has in the table of goals.</summary>
internal abstract class BenchCase
{
    public static IReadOnlyList<BenchCase> All { get; } =
        [new DurablePushes(), new PipelinedPushes(), new FanOut(), new UnaryCalls(), new RuntimeCalls(), new RuntimeStreams(), new IdleStreams(), new Resume(), new FirstSync(), new HostilePeers(), new SignInStorm(), new SignInTiming(), new StartUp()];

    /// <summary>Before the first figure of a server: long enough that it runs its final code. The pair that is thrown away is not.</summary>
    protected static TimeSpan WarmUp { get; } = TimeSpan.FromSeconds(5);

    public abstract string Name { get; }

    public abstract string Title { get; }

    public abstract Task RunAsync(BenchContext context, CancellationToken cancel);

    protected static string Microseconds(double value) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{value:#,0} us");
}
