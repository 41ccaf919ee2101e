using System.Diagnostics;

namespace Kpm.Bench.Harness;

/// <summary>Latencies of one worker, in ticks of <see cref="Stopwatch"/>; not thread-safe, merged when the load has ended.</summary>
internal sealed class LatencyLog(int capacity = 1 << 14)
{
    private long[] _ticks = new long[capacity];
    private int _count;

    public int Count => _count;

    public void Add(long ticks)
    {
        if (_count == _ticks.Length)
        {
            Array.Resize(ref _ticks, _count * 2);
        }

        _ticks[_count++] = ticks;
    }

    public static long[] MergeSorted(IEnumerable<LatencyLog> logs)
    {
        var all = logs.SelectMany(l => l._ticks.Take(l._count)).ToArray();
        Array.Sort(all);
        return all;
    }
}

/// <summary>CPU time and bytes to the disk that a process used.</summary>
internal sealed record Spent(TimeSpan Cpu, long WrittenBytes)
{
    public static Spent Nothing { get; } = new(TimeSpan.Zero, 0);

    public static Spent operator -(Spent later, Spent earlier) => new(later.Cpu - earlier.Cpu, later.WrittenBytes - earlier.WrittenBytes);
}

/// <summary>What one timed section of a closed loop gave.</summary>
internal sealed record LoadResult(int Count, TimeSpan Elapsed, long[] SortedTicks)
{
    /// <summary>Stands for an anchor that can't be had.</summary>
    public static LoadResult None { get; } = new(0, TimeSpan.FromSeconds(1), []);

    /// <summary>What the server used meanwhile.</summary>
    public Spent Server { get; init; } = Spent.Nothing;

    /// <summary>Server CPU in microseconds an operation: says more than the rate where other work is on the machine.</summary>
    public double CpuPerOperation => Count == 0 ? 0 : Server.Cpu.TotalMicroseconds / Count;

    /// <summary>Bytes that the server gave to the disk for an operation.</summary>
    public double WrittenPerOperation => Count == 0 ? 0 : (double)Server.WrittenBytes / Count;

    /// <summary>Completed operations per second.</summary>
    public double Rate => Count / Elapsed.TotalSeconds;

    /// <summary>Median latency in microseconds.</summary>
    public double P50 => Microseconds(0.50);

    /// <summary>99th percentile of the latency in microseconds.</summary>
    public double P99 => Microseconds(0.99);

    private double Microseconds(double percentile) =>
        Statistics.Percentile(SortedTicks, percentile) * 1e6 / Stopwatch.Frequency;
}
