namespace Kpm.Bench.Harness;

/// <summary>
/// Measures two things alternately, A B A B …, so that whatever else the machine does falls on both.
/// The first pair warms up (compilation, caches, connections) and is thrown away.
/// </summary>
internal static class Paired
{
    public static async Task<List<(T Ours, T Anchor)>> MeasureAsync<T>(int pairs, Func<CancellationToken, Task<T>> ours, Func<CancellationToken, Task<T>> anchor, CancellationToken cancel)
    {
        var results = new List<(T, T)>(pairs);
        for (var i = -1; i < pairs; i++)
        {
            var a = await MeasureOneAsync(ours, cancel);
            var b = await MeasureOneAsync(anchor, cancel);
            if (i >= 0)
            {
                results.Add((a, b));
            }
        }

        return results;
    }

    private static async Task<T> MeasureOneAsync<T>(Func<CancellationToken, Task<T>> measure, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        // A collection of what the round before left behind must not fall into this one.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return await measure(cancel);
    }
}
