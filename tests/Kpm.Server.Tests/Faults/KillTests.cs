using System.Diagnostics;
using System.Globalization;
using Grpc.Core;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Tests.Faults;

/// <summary>G1 to G5 and G7 under kill -9: 32 devices write while the process is killed at random instants.</summary>
[Collection(Alone.Name)]
public sealed class KillTests(ITestOutputHelper output)
{
    private const int Accounts = 8;
    private const int DevicesPerAccount = 4;
    private const int Kills = 50;
    private const int LongKills = 2_000;

    /// <summary>2 s is the goal, measured when the machine is quiet; a busy one may take longer to start a process.</summary>
    private static readonly TimeSpan MostStartTime = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<int> Seeds() => [.. Enumerable.Range(1, Alone.FullSize ? LongKills / Kills : 1)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Kill_9_loses_nothing_and_doubles_nothing(int seed)
    {
        var random = new Random(seed);
        using var folder = new Storage.TempFolder();
        var data = folder.File("data");
        var starts = new List<TimeSpan>();
        var server = await StartAsync(data, starts);
        try
        {
            var fleets = new List<Fleet>();
            for (var account = 0; account < Accounts; account++)
            {
                fleets.Add(await Fleet.EnlistAsync(server, DevicesPerAccount, seed: (seed * 1000) + (account * 10), Cancelled));
            }

            var writers = fleets.SelectMany(f => f.Writers).ToList();
            for (var kill = 1; kill <= Kills; kill++)
            {
                await RunAndKillAsync(server, fleets, random);
                CheckIntegrity(data, folder.File("copy"));
                if (kill % 4 == 0)
                {
                    await KillWhileStartingAsync(data, random);
                }

                await server.DisposeAsync();
                server = await StartAsync(data, starts);
                await AuditAsync(server, fleets, everythingAnswered: false);

                // Half of the time what had no answer is settled at once, else while the writing goes on.
                if (kill % 2 == 0)
                {
                    await Task.WhenAll(fleets.SelectMany(f => Each(f, server, (w, s) => w.ResolveAsync(s, Cancelled))));
                    await Task.WhenAll(fleets.SelectMany(f => Each(f, server, (w, s) => w.RepeatAsync(s, 8, Cancelled))));
                    await AuditAsync(server, fleets, everythingAnswered: true);
                }
            }

            await Task.WhenAll(fleets.SelectMany(f => Each(f, server, (w, s) => w.ResolveAsync(s, Cancelled))));
            await AuditAsync(server, fleets, everythingAnswered: true);
            await CheckHistoriesAsync(server, fleets);
            Assert.Equal(0, await server.StopAsync(Cancelled));
            CheckIntegrity(data, folder.File("copy"));
            Assert.True(writers.All(w => w.Acknowledged > 1), "a writer wrote nothing");
            Report(seed, starts, writers, fleets);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    private static IEnumerable<Task> Each(Fleet fleet, ServerProcess server, Func<Writer, CallInvoker, Task> work)
    {
        var connection = server.Connect();
        return fleet.Writers.Select(w => work(w, connection));
    }

    private static async Task<ServerProcess> StartAsync(string data, List<TimeSpan> starts)
    {
        var watch = Stopwatch.StartNew();
        var server = await ServerProcess.StartAsync(data, Cancelled);
        await server.WaitUntilReadyAsync(Cancelled);
        starts.Add(watch.Elapsed);
        Assert.True(watch.Elapsed < MostStartTime, $"ready after {watch.Elapsed}");
        return server;
    }

    private static async Task RunAndKillAsync(ServerProcess server, List<Fleet> fleets, Random random)
    {
        using var never = new CancellationTokenSource();
        var before = fleets.Sum(f => f.Writers.Sum(w => w.Acknowledged));
        var running = Task.WhenAll(fleets.SelectMany(f => Each(f, server, (w, s) => w.RunAsync(s, never.Token, Cancelled))));
        // At least something was acknowledged in every round, then a random instant.
        while (!running.IsCompleted && fleets.Sum(f => f.Writers.Sum(w => w.Acknowledged)) == before)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1), Cancelled);
        }

        await Task.WhenAny(running, Task.Delay(TimeSpan.FromMilliseconds(random.Next(250)), Cancelled));
        Assert.False(server.HasExited, server.Output);
        await server.KillAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(60), Cancelled);
    }

    /// <summary>A start that is killed on its way, in the middle of its recovery, does no harm.</summary>
    private static async Task KillWhileStartingAsync(string data, Random random)
    {
        await using var server = ServerProcess.Launch(data, ["--listen", "http://127.0.0.1:0"]);
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(100, 1_200)), Cancelled);
        await server.KillAsync();
    }

    private static Task AuditAsync(ServerProcess server, List<Fleet> fleets, bool everythingAnswered) => Task.WhenAll(fleets.Select(async fleet =>
    {
        await fleet.Auditor.CatchUpAsync(server.Connect(), Cancelled);
        fleet.Auditor.Compare(everythingAnswered);
    }));

    /// <summary>The log, read again from its beginning, explains everything that every device was told.</summary>
    private static Task CheckHistoriesAsync(ServerProcess server, List<Fleet> fleets) => Task.WhenAll(fleets.Select(async fleet =>
    {
        var violations = await fleet.CheckAsync(server, Cancelled);
        Assert.True(violations.Count == 0, string.Join('\n', violations.Take(10)));
    }));

    /// <summary>On a copy, so that the server itself has to recover from what the kill left behind.</summary>
    private static void CheckIntegrity(string data, string copy)
    {
        Directory.CreateDirectory(copy);
        foreach (var file in Directory.GetFiles(data, "kpm.db*").Where(f => !f.EndsWith("-shm", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)), overwrite: true);
        }

        using (var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(copy, "kpm.db"), Pooling = false }.ConnectionString))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA integrity_check";
            Assert.Equal("ok", command.ExecuteScalar());
            command.CommandText = "PRAGMA foreign_key_check";
            Assert.Null(command.ExecuteScalar());
        }

        Directory.Delete(copy, recursive: true);
    }

    private void Report(int seed, List<TimeSpan> starts, List<Writer> writers, List<Fleet> fleets)
    {
        var sorted = starts.Order().ToList();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"seed {seed}: {Kills} kills under {writers.Count} writers; {writers.Sum(w => w.Ledger.Count)} operations, {writers.Sum(w => w.Acknowledged)} answered, {fleets.Sum(f => f.Auditor.Entries)} in the logs; ready after {sorted[sorted.Count / 2].TotalSeconds:0.00} s (median), {sorted[^1].TotalSeconds:0.00} s (most)"));
    }
}
