using Kpm.Bench.Cases;

namespace Kpm.Bench.Harness;

/// <summary>Runs the chosen cases one after the other and prints the table.</summary>
internal static class BenchRun
{
    /// <summary>0: every case ran; 1: one failed; 2: the command line names no such case.</summary>
    public static async Task<int> RunAsync(BenchOptions options, FileInfo? json, CancellationToken cancel)
    {
        var unknown = options.Cases.Except(BenchCase.All.Select(c => c.Name), StringComparer.OrdinalIgnoreCase).ToList();
        if (unknown.Count > 0)
        {
            Console.Error.WriteLine($"No such case: {string.Join(", ", unknown)}. Known: {string.Join(", ", BenchCase.All.Select(c => c.Name))}.");
            return 2;
        }

        var environment = BenchEnvironment.Capture(options);
        var report = new Report();
        var failed = false;
        var context = new BenchContext(options, report);
        foreach (var chosen in BenchCase.All.Where(c => options.Cases.Count == 0 || options.Cases.Contains(c.Name, StringComparer.OrdinalIgnoreCase)))
        {
            Console.Error.WriteLine($"{chosen.Name}: {chosen.Title}");
            try
            {
                await chosen.RunAsync(context, cancel);
            }
#pragma warning disable CA1031 // One case that fails must not cost the figures of the others; it is reported, and the exit code says so.
            catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
            {
                failed = true;
                Console.Error.WriteLine(e);
                report.Add(new Row { Id = chosen.Name, What = chosen.Title, Unit = "x", Missing = "failed: " + e.Message.Split('\n')[0] });
            }
        }

        Console.WriteLine(report.Table(environment));
        if (json != null)
        {
            await File.WriteAllTextAsync(json.FullName, report.ToJson(environment), cancel);
        }

        return failed ? 1 : 0;
    }
}

/// <summary>What a case works with.</summary>
internal sealed record BenchContext(BenchOptions Options, Report Report);
