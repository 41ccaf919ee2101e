using System.Diagnostics;
using Kpm.Bench.Harness;

namespace Kpm.Bench.Load;

/// <summary>Times one write after the other from its sending until each of the receivers has it.</summary>
internal sealed class FanOutClock
{
    private readonly long[] _sent;
    private readonly int[] _missing;
    private readonly TaskCompletionSource[] _complete;
    private readonly LatencyLog[] _logs;

    public FanOutClock(int receivers, int writes)
    {
        _sent = new long[writes];
        _missing = new int[writes];
        Array.Fill(_missing, receivers);
        _complete = [.. Enumerable.Range(0, writes).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];
        _logs = [.. Enumerable.Range(0, receivers).Select(_ => new LatencyLog(writes))];
    }

    public void Sent(int write) => Volatile.Write(ref _sent[write], Stopwatch.GetTimestamp());

    /// <summary>Called by each receiver for each write, in order.</summary>
    public void Arrived(int receiver, int write)
    {
        _logs[receiver].Add(Stopwatch.GetTimestamp() - Volatile.Read(ref _sent[write]));
        if (Interlocked.Decrement(ref _missing[write]) == 0)
        {
            _complete[write].SetResult();
        }
    }

    public Task AllArrivedAsync(int write) => _complete[write].Task;

    /// <summary>One latency a write and receiver.</summary>
    public LoadResult ToResult(TimeSpan elapsed) => new(_sent.Length, elapsed, LatencyLog.MergeSorted(_logs));
}
