using System.Diagnostics;
using Kpm.Bench.Harness;

namespace Kpm.Bench.Load;

/// <summary>Workers that each have one operation in flight, over the time of the section.</summary>
internal static class ClosedLoop
{
    /// <summary>
    /// Runs <paramref name="operation"/> (worker, number of the operation) in every worker until the time is over.
    /// Counts what completed within it.
    /// </summary>
    public static async Task<LoadResult> RunAsync(int workers, TimeSpan duration, Func<int, int, Task> operation)
    {
        var logs = new LatencyLog[workers];
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        long begin = 0, end = 0;
        var tasks = new Task[workers];
        for (var i = 0; i < workers; i++)
        {
            var worker = i;
            var log = logs[worker] = new LatencyLog();
            tasks[worker] = Task.Run(async () =>
            {
                await start.Task;
                var before = Stopwatch.GetTimestamp();
                for (var n = 0; before < end; n++)
                {
                    await operation(worker, n);
                    var after = Stopwatch.GetTimestamp();
                    if (after <= end)
                    {
                        log.Add(after - before);
                    }

                    before = after;
                }
            });
        }

        begin = Stopwatch.GetTimestamp();
        end = begin + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        start.SetResult();
        await Task.WhenAll(tasks);
        return new LoadResult(logs.Sum(l => l.Count), duration, LatencyLog.MergeSorted(logs));
    }
}
