using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Kpm.Bench.Harness;

/// <summary>Where and how the figures were taken.</summary>
internal sealed record BenchEnvironment
{
    public required string Configuration { get; init; }
    public required string Runtime { get; init; }
    public required string GrpcRuntime { get; init; }
    public required int Cores { get; init; }
    public required string Cpu { get; init; }
    public required double LoadAtStart { get; init; }
    public required int Pairs { get; init; }
    public required double Seconds { get; init; }

    /// <summary>Other work on the machine at the start: the figures are worth less.</summary>
    public bool Noisy => LoadAtStart > 0.5;

    public static BenchEnvironment Capture(BenchOptions options) => new()
    {
        Configuration = typeof(BenchEnvironment).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "",
        Runtime = RuntimeInformation.FrameworkDescription,
        GrpcRuntime = typeof(global::Grpc.Core.ServerCallContext).Assembly.GetName().Name == "GrpcRuntime" ? "ours" : "official",
        Cores = Environment.ProcessorCount,
        Cpu = Cpuinfo(),
        LoadAtStart = LoadAverage(),
        Pairs = options.Pairs,
        Seconds = options.Seconds,
    };

    public override string ToString()
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Configuration} build, {Runtime}, gRPC runtime: {GrpcRuntime}, {Cores} cores ({Cpu}), {Pairs} pairs of {Seconds} s, load average at start {LoadAtStart}");
        return Noisy ? text + "\nNOISY: other work was running; do not quote these figures." : text;
    }

    private static string Cpuinfo() =>
        File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? ""
            : "";

    private static double LoadAverage() =>
        File.Exists("/proc/loadavg") ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) : 0;
}
