using System.Globalization;
using Grpc.Core;
using Grpc.Net.Client;

namespace Kpm.Server.Tests.Faults;

/// <summary>
/// G1 to G7 over the server as it ships: devices write, conflict, watch and ask while connections are cut and the process
/// is killed; at the end the log must explain everything that anybody was told.
/// </summary>
[Collection(Alone.Name)]
public sealed class HistoryTests(ITestOutputHelper output)
{
    private const int Accounts = 3;
    private const int WritersPerAccount = 4;
    private const int Rounds = 6;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<int> Seeds() => [.. Enumerable.Range(1, Alone.FullSize ? 40 : 1)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task The_log_explains_what_every_device_was_told(int seed)
    {
        var random = new Random(seed);
        using var folder = new Storage.TempFolder();
        var server = await ServerProcess.StartAsync(folder.File("data"), Cancelled);
        await using var relay = new CutRelay(server.Address);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var channels = new List<GrpcChannel>();
        try
        {
            var fleets = new List<Fleet>();
            for (var account = 0; account < Accounts; account++)
            {
                fleets.Add(await Fleet.EnlistAsync(server, WritersPerAccount, (seed * 1000) + (account * 10), Cancelled));
            }

            var watchers = fleets.Select(f => new Watcher(f.Reader, f.History)).ToList();
            var running = fleets.SelectMany(f => f.Writers).Select(w => AgainAsync(Connect(relay, channels), (c, s) => w.RunAsync(c, s, Cancelled), stop.Token))
                .Concat(watchers.Select(w => AgainAsync(Connect(relay, channels), w.WatchAsync, stop.Token)))
                .Concat(watchers.Select(w => AgainAsync(Connect(relay, channels), w.AskAsync, stop.Token)))
                .ToList();
            var cuts = 0;
            for (var round = 1; round <= Rounds; round++)
            {
                for (var cut = 0; cut < 4; cut++)
                {
                    await Task.WhenAny(Task.WhenAny(running), Task.Delay(TimeSpan.FromMilliseconds(random.Next(50, 400)), Cancelled));
                    cuts += relay.Cut(random, 0.4);
                }

                if (round % 2 == 0)
                {
                    await server.KillAsync();
                    await server.DisposeAsync();
                    server = await ServerProcess.StartAsync(folder.File("data"), Cancelled);
                    relay.Target(server.Address);
                }
            }

            await stop.CancelAsync();
            await Task.WhenAll(running).WaitAsync(TimeSpan.FromSeconds(60), Cancelled);
            foreach (var fleet in fleets)
            {
                await Task.WhenAll(fleet.Writers.Select(w => w.ResolveAsync(server.Connect(), Cancelled)));
                var violations = await fleet.CheckAsync(server, Cancelled);
                Assert.True(violations.Count == 0, string.Join('\n', violations.Take(10)));
                Assert.All(fleet.Writers, w => Assert.True(w.Acknowledged > 1, "a writer wrote nothing"));
            }

            Assert.All(watchers, w => Assert.True(w.Cursor > 0 && w.Answers > 0, "a watcher saw nothing"));
            Assert.True(cuts > 0, "nothing was cut");
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"seed {seed}: {Rounds / 2} kills, {cuts} connections cut; {fleets.Sum(f => f.Writers.Sum(w => w.Acknowledged))} operations answered, {watchers.Sum(w => w.Answers)} questions, no violation"));
        }
        finally
        {
            channels.ForEach(c => c.Dispose());
            await server.DisposeAsync();
        }
    }

    private static CallInvoker Connect(CutRelay relay, List<GrpcChannel> channels)
    {
        channels.Add(GrpcChannel.ForAddress(relay.Address));
        return BadInput.ConformanceInterceptor.On(channels[^1]);
    }

    /// <summary>A device that begins again whenever its connection is gone.</summary>
    private static async Task AgainAsync(CallInvoker server, Func<CallInvoker, CancellationToken, Task> work, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await work(server, stop);
                await Task.Delay(TimeSpan.FromMilliseconds(10), stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (RpcException e) when (BadInput.Outcome.Of(e).Rich is null)
            {
                // No answer of the server: the network is gone, or the process.
            }
        }
    }
}
