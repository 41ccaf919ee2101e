using Dapper;
using Kpm.Server.Administration;
using Kpm.Server.Tests.Faults;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Storage;
using Kpm.Server.Vaults;
using Kpm.V1;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kpm.Server.Tests.Vaults;

/// <summary>After a backup was restored: every vault gets the next generation, once a run, whatever cuts the run off.</summary>
public sealed class RestorationTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_vault_gets_the_next_generation_and_what_was_written_for_the_old_one_is_refused()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { SweepBatch = 2 } });
        var devices = new List<VaultDevice>();
        for (var i = 0; i < 5; i++)
        {
            devices.Add(await server.EnrolAsync());
        }

        var device = devices[0];
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, device.Author.Put(item, 0));
        var empty = new VaultDevice(await server.CreateActiveAsync());
        var log = server.Log(device);
        var answer = await RunAsync(server);

        Assert.Equal((AdminExit.Done, true), (answer.ExitCode, answer.Text.Contains("6 vault(s)", StringComparison.Ordinal)));
        foreach (var each in devices.Append(empty))
        {
            Assert.Equal(2UL, (await server.Vault.GetVaultAsync(new GetVaultRequest(), each.Call)).Generation);
        }

        Assert.Equal(log, server.Log(device));
        var old = await server.PushAsync(device, device.Author.Put(item, 1));
        Assert.Equal(RejectionReason.EpochMismatch, old.Rejected.Reason);
        Assert.NotNull((await server.PushAsync(device, device.Author.Put(item, 1, bend: d => d.Generation = 2))).Applied);

        // A second backup that is restored is another run.
        await RunAsync(server);
        await server.RestartAsync();
        Assert.Equal(3UL, (await server.Vault.GetVaultAsync(new GetVaultRequest(), device.Call)).Generation);
    }

    [Fact]
    public async Task Open_streams_are_told_and_end_and_so_are_those_that_come_with_the_old_generation()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var other = await server.EnrolAsync(device.Email);
        var watcher = await server.LinkAsync(device.Email);
        await using var first = await SyncClient.LiveAsync(server, device.Session);
        await using var second = await SyncClient.LiveAsync(server, other.Session);
        using var watch = server.Vault.Watch(new WatchRequest(), watcher.Session.Headers, cancellationToken: Token);
        await first.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0));
        await first.UntilAsync(m => m.OpResult);
        var log = server.Log(device);
        await RunAsync(server);

        foreach (var stream in new[] { first, second })
        {
            var resync = await stream.UntilAsync(m => m.ResyncRequired);
            Assert.Equal((ResyncReason.GenerationChanged, 2UL, 3UL), (resync.Reason, resync.Generation, resync.HeadSeq));
            await stream.CompleteAsync();
            await stream.EndAsync();
        }

        WatchResponse last = new();
        while (await watch.ResponseStream.MoveNext(Token))
        {
            last = watch.ResponseStream.Current;
        }

        Assert.Equal((ResyncReason.GenerationChanged, 2UL), (last.ResyncRequired.Reason, last.ResyncRequired.Generation));

        await using var old = await SyncClient.OpenAsync(server, device.Session, 3, VaultSteps.ChainHash(log, 3));
        Assert.Equal(ResyncReason.GenerationChanged, (await old.NextAsync(m => m.ResyncRequired)).Reason);
        await old.EndAsync();

        // Who has agreed begins anew, under the generation that was named.
        await using var anew = await SyncClient.OpenAsync(server, device.Session, bend: h => h.Generation = 2);
        Assert.Equal(2UL, anew.Welcome!.Generation);
        await anew.UntilCaughtUpAsync();
        Assert.Equal(log, anew.Changes);
    }

    [Fact]
    public async Task A_checkpoint_of_the_generation_before_still_serves_and_a_new_one_must_be_of_the_new()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { CheckpointInterval = 1 } });
        var device = await server.EnrolAsync();
        await server.FillAsync(device, 5);
        var log = server.Log(device);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 5), device.Call);
        await RunAsync(server);

        await using var stream = await SyncClient.OpenAsync(server, device.Session, bend: h => h.Snapshot = true);
        Assert.Equal(TestCheckpoint.Of(device, log, 5).Checkpoint, (await stream.NextAsync(m => m.SnapshotBegin)).Checkpoint);
        await Refused.WithAsync(ErrorReason.CheckpointMismatch, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 6), device.Call));
        Assert.Equal(6UL, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 6, c => c.Generation = 2), device.Call)).NewestSeq);
    }

    [Fact]
    public async Task A_run_that_fails_on_its_way_goes_on_where_it_was_and_raises_no_vault_twice()
    {
        var cut = new CutOff();
        await using var server = await TestServer.StartAsync(
            options: o => o with { Limits = o.Limits with { SweepBatch = 2 } },
            adjust: services => services.Decorate(cut));
        for (var i = 0; i < 7; i++)
        {
            await server.EnrolAsync();
        }

        cut.After = 2;
        Assert.Equal(AdminExit.Refused, (await RunAsync(server)).ExitCode);
        Assert.Equal([1, 1, 1, 2, 2, 2, 2], Generations(server));
        cut.After = int.MaxValue;
        Assert.Contains("7 vault(s)", (await RunAsync(server)).Text, StringComparison.Ordinal);
        Assert.All(Generations(server), g => Assert.Equal(2, g));

        // The same with a restart in between: the server finishes it before anybody can call.
        cut.After = 1;
        Assert.Equal(AdminExit.Refused, (await RunAsync(server)).ExitCode);
        Assert.Contains(2, Generations(server));
        cut.After = int.MaxValue;
        await server.RestartAsync();
        Assert.All(Generations(server), g => Assert.Equal(3, g));
        await server.RestartAsync();
        Assert.All(Generations(server), g => Assert.Equal(3, g));
    }

    [Fact]
    public async Task Killed_in_the_middle_each_vault_has_been_raised_once_when_the_server_listens()
    {
        const int accounts = 30_000;
        using var folder = new TempFolder();
        var data = folder.File("data");
        await using (var server = await ServerProcess.StartAsync(data, Token))
        {
            await server.StopAsync(Token);
        }

        Fill(data, accounts);
        var kills = 0;
        for (var i = 0; i < 6; i++)
        {
            await using var command = ServerProcess.Launch(data, [], command: ["vaults", "restored"]);
            await Eventually.TrueAsync(() => command.HasExited || Raised(data) > 0);
            if (!command.HasExited)
            {
                await command.KillAsync();
                kills += Raised(data) is > 0 and < accounts ? 1 : 0;
                break;
            }
        }

        Assert.Equal(1, kills);
        await using (var server = await ServerProcess.StartAsync(data, Token))
        {
            await server.WaitUntilReadyAsync(Token);
            await server.KillAsync();
        }

        Assert.Equal($"{accounts} of generation 2", Count(data));
    }

    private static Task<AdminAnswer> RunAsync(TestServer server) => server.Services.GetRequiredService<AdminCommands>().RunAsync(["vaults", "restored"], Token);

    private static List<int> Generations(TestServer server) => server.Database.Read(c => c.Query<int>("SELECT generation FROM vault ORDER BY generation").ToList());

    private static void Fill(string data, int accounts)
    {
        using var connection = Open(data, SqliteOpenMode.ReadWrite);
        connection.Execute("""
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @accounts)
            INSERT INTO account (account_id, email, email_key, password_hash, state, region, language, created_at)
            SELECT randomblob(16), i || '@example.com', i || '@example.com', '', 2, 'AT', 'de', 0 FROM n
            """, new { accounts });
    }

    private static long Raised(string data)
    {
        using var connection = Open(data, SqliteOpenMode.ReadOnly);
        return connection.QuerySingle<long>("SELECT count(*) FROM vault WHERE generation = 2");
    }

    private static string Count(string data)
    {
        using var connection = Open(data, SqliteOpenMode.ReadWrite);
        return string.Join(", ", connection.Query<(long Vaults, long Generation)>("SELECT count(*), generation FROM vault GROUP BY generation").Select(g => $"{g.Vaults} of generation {g.Generation}"));
    }

    private static SqliteConnection Open(string data, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(data, "kpm.db"), Mode = mode, Pooling = false }.ConnectionString);
        connection.Open();
        return connection;
    }
}

/// <summary>Lets a run take so many steps, and fails then, as a full disk would.</summary>
internal sealed class CutOff
{
    public int After { get; set; } = int.MaxValue;

    public sealed class Store(IRestorationStore inner, CutOff cut) : IRestorationStore
    {
        public bool IsUnderWay() => inner.IsUnderWay();

        public Task BeginAsync(CancellationToken cancellationToken) => inner.BeginAsync(cancellationToken);

        public Task<long?> RaiseAsync(int most, CancellationToken cancellationToken) =>
            cut.After-- > 0 ? inner.RaiseAsync(most, cancellationToken) : throw new Kpm.Server.Storage.StorageUnavailableException();
    }
}

internal static class CutOffServices
{
    public static void Decorate(this IServiceCollection services, CutOff cut) => services.Replace(ServiceDescriptor.Singleton<IRestorationStore>(p =>
        new CutOff.Store(ActivatorUtilities.CreateInstance<Kpm.Server.Storage.Sqlite.SqliteRestorationStore>(p), cut)));
}
