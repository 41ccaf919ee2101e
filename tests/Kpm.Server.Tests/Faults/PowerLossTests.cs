using Kpm.Tests.Disk;

namespace Kpm.Server.Tests.Faults;

/// <summary>
/// G2 without power: the production storage writes to a recorded disk, the power is cut at any point of the recording,
/// and the production storage must find everything that was acknowledged until then.
/// </summary>
[Collection(Alone.Name)]
public sealed class PowerLossTests(ITestOutputHelper output)
{
    private const int Rounds = 40;

    /// <summary>Cuts looked at in the test run; with KPM_TEST_LONG=1 every request of the recording is one, three times.</summary>
    private const int Cuts = 150;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<int> Seeds() => [.. Enumerable.Range(1, Alone.FullSize ? 20 : 1)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Nothing_acknowledged_is_lost(int seed)
    {
        using var run = await PowerLossRun.RecordAsync(seed, Rounds, full: true);

        var (cuts, wrong) = await CutAsync(run, seed, untilFound: false);

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        output.WriteLine($"seed {seed}: {run.Steps.Count} requests to the disk, {run.Steps.Count(s => s.Action == DiskAction.Sync)} syncs, {run.Promises.Count} answers; {cuts} power losses, nothing lost");
    }

    [Fact]
    public async Task Without_a_sync_at_each_commit_it_finds_the_loss()
    {
        using var run = await PowerLossRun.RecordAsync(1, Rounds, full: false);

        var (_, wrong) = await CutAsync(run, 1, untilFound: true);

        Assert.True(wrong.Any(w => w.Contains("lost:", StringComparison.Ordinal)), string.Join('\n', wrong));
    }

    [Fact]
    public async Task A_disk_that_lies_about_its_syncs_is_found_out()
    {
        var syncs = 0;
        using var run = await PowerLossRun.RecordAsync(
            1, Rounds, full: true, step => step.Action == DiskAction.Sync && step.File.EndsWith("-wal", StringComparison.Ordinal) && ++syncs > 30 && syncs % 3 == 0 ? DiskTap.Pretend : DiskTap.Proceed);

        var (_, wrong) = await CutAsync(run, 1, untilFound: true);

        Assert.True(wrong.Any(w => w.Contains("lost:", StringComparison.Ordinal)), string.Join('\n', wrong));
    }

    private static async Task<(int Cuts, IReadOnlyList<string> Wrong)> CutAsync(PowerLossRun run, int seed, bool untilFound)
    {
        var random = new Random(seed);
        var check = new PowerLossCheck(run);
        var image = new DiskImage(run.Initial, run.Steps);
        var wrong = new List<string>();
        var cuts = 0;
        foreach (var position in Positions(run, random))
        {
            Cancelled.ThrowIfCancellationRequested();
            image.Advance(position);
            var losses = Alone.FullSize ? [Loss.Unsynced, Loss.Torn, Loss.Torn] : new[] { random.Next(3) == 0 ? Loss.Unsynced : Loss.Torn };
            foreach (var loss in losses)
            {
                cuts++;
                wrong.AddRange((await check.FindAsync(image, loss, random)).Select(w => $"cut at {position} ({(position < run.Steps.Count ? run.Steps[position] : "end")}), {loss}: {w}"));
            }

            if (untilFound && wrong.Count > 0)
            {
                break;
            }
        }

        return (cuts, wrong);
    }

    /// <summary>Before and after syncs, when something was acknowledged, and anywhere; the first statements of a new database too.</summary>
    private static IEnumerable<int> Positions(PowerLossRun run, Random random)
    {
        var all = Enumerable.Range(0, run.Steps.Count + 1).ToArray();
        if (Alone.FullSize)
        {
            return all;
        }

        var syncs = run.Steps.Index().Where(s => s.Item.Action == DiskAction.Sync).SelectMany(s => new[] { s.Index, s.Index + 1 }).ToArray();
        var heard = run.Promises.Select(p => p.Position).Distinct().ToArray();
        random.Shuffle(all);
        random.Shuffle(syncs);
        random.Shuffle(heard);
        return syncs.Take(Cuts / 3).Concat(heard.Take(Cuts / 3)).Concat(all.Take(Cuts / 3)).Append(run.Steps.Count).Distinct().Order();
    }
}
