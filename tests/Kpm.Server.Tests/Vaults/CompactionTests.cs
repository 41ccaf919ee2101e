using Dapper;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Vaults;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Vaults;

/// <summary>What compaction takes away is what nobody needs; everything else is where it was.</summary>
public sealed class CompactionTests
{
    /// <summary>Short beside the 30 days of a refresh token, so that no session ends meanwhile.</summary>
    private static readonly TimeSpan Retention = TimeSpan.FromDays(10);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_removes_what_is_old_superseded_and_without_an_envelope_and_nothing_else()
    {
        Assert.Equal(TimeSpan.FromDays(30), new Limits().ChangeRetention);
        var time = new FakeTime();
        await using var server = await StartAsync(time);
        var device = await server.EnrolAsync();
        var busy = Guid.CreateVersion7();
        var deleted = Guid.CreateVersion7();
        await server.PushAsync(device, [device.Author.Keyset(0), device.Author.Put(deleted, 0), device.Author.Delete(deleted, 1)], atomic: false);
        await WriteAsync(server, device, busy, 0, 40);
        var log = server.Log(device);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, (ulong)log.Count), device.Call);
        var before = await ReadAsync(server, device);

        // Not a day too early.
        time.Advance(Retention - TimeSpan.FromHours(2));
        Assert.Equal(0, await RunAsync(server));
        Assert.Equal(log, server.Log(device));

        time.Advance(TimeSpan.FromHours(3));
        var kept = Removable(log, (ulong)log.Count);
        Assert.Equal(kept.Count, await RunAsync(server));
        var after = server.Log(device);
        Assert.NotEmpty(kept);
        Assert.Equal(log.Except(kept), after);
        var state = server.Services.GetRequiredService<IVaultStore>().State(device.Session.AccountId);
        Assert.InRange(state.CompactedSeq, kept[^1].Seq + 1, (ulong)log.Count);

        // Every subject's newest revision, every kept envelope and the bytes in use are what they were.
        Assert.Equal(TestCheckpoint.Newest(log, (ulong)log.Count), TestCheckpoint.Newest(after, (ulong)log.Count));
        Assert.Equal(log.Where(c => !c.Superseded), after);
        Assert.Equal(before, await ReadAsync(server, device));
        Assert.Equal(0, await RunAsync(server));

        // And a second checkpoint over what is left adds up, since the first one's rows are all there.
        await WriteAsync(server, device, busy, 40, 5);
        var whole = log.Concat(server.Log(device).Where(c => c.Seq > (ulong)log.Count)).ToList();
        Assert.Equal((ulong)whole.Count, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, whole, (ulong)whole.Count), device.Call)).NewestSeq);
    }

    [Fact]
    public async Task It_stays_below_the_checkpoint_and_needs_one()
    {
        var time = new FakeTime();
        await using var server = await StartAsync(time);
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await WriteAsync(server, device, item, 0, 60);
        var log = server.Log(device);
        time.Advance(Retention + TimeSpan.FromHours(2));
        Assert.Equal(0, await RunAsync(server));
        Assert.Equal(log, server.Log(device));

        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 30), device.Call);
        await RunAsync(server);
        var after = server.Log(device);
        Assert.Equal(log.Where(c => c.Seq >= 30), after.Where(c => c.Seq >= 30));
        Assert.Equal([1UL, 30], after.Where(c => c.Seq <= 30).Select(c => c.Seq));
        Assert.Equal(30UL, server.Services.GetRequiredService<IVaultStore>().State(device.Session.AccountId).CompactedSeq);

        // From the seq that is compacted a device resumes, and its chain is looked at.
        await using var stream = await SyncClient.LiveAsync(server, device.Session, 30, VaultSteps.ChainHash(log, 30));
        Assert.Equal(log.Skip(30), stream.Changes);
    }

    [Fact]
    public async Task Results_of_operations_that_are_read_from_the_log_stay()
    {
        var time = new FakeTime();
        await using var server = await StartAsync(time, revisions: 2);
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        var operations = Enumerable.Range(0, 20).Select(rev => device.Author.Put(item, (ulong)rev, [1])).ToList();
        var first = await server.PushAsync(device, operations, atomic: false);
        var log = server.Log(device);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, (ulong)log.Count), device.Call);
        time.Advance(Retention + TimeSpan.FromHours(2));
        await RunAsync(server);

        Assert.Equal(first, await server.PushAsync(device, operations, atomic: false));
        await server.RestartAsync();
        Assert.Equal(first, await server.PushAsync(device, operations, atomic: false));
        Assert.Equal((ulong)operations.Count + 1, (await SyncClient.OpenAsync(server, device.Session)).Welcome!.LastOpSeq);
    }

    [Fact]
    public async Task A_run_that_was_cut_off_between_its_steps_is_taken_up_by_the_next()
    {
        var time = new FakeTime();
        await using var server = await StartAsync(time);
        var device = await server.EnrolAsync();
        await WriteAsync(server, device, Guid.CreateVersion7(), 0, 80);
        var log = server.Log(device);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, (ulong)log.Count), device.Call);
        time.Advance(Retention + TimeSpan.FromHours(2));
        var account = device.Session.AccountId;
        var store = server.Services.GetRequiredService<ICompactionStore>();
        var seq = store.Due(account, time.GetUtcNow() - Retention, 1)!.Value;
        Assert.Equal(7, await store.CompactAsync(account, seq, 7, Token));

        // The part that is done is whole: what is compacted is known, and a device gets a snapshot of all there is.
        await server.RestartAsync();
        Assert.Equal(seq, server.Services.GetRequiredService<IVaultStore>().State(account).CompactedSeq);
        await ExpectSnapshotAsync(server, device, log);
        var removed = Removable(log, seq).Count;
        Assert.Equal(removed - 7, await RunAsync(server));
        await ExpectSnapshotAsync(server, device, log);
    }

    [Fact]
    public async Task Few_entries_are_not_worth_a_snapshot()
    {
        var time = new FakeTime();
        await using var server = await StartAsync(time, least: 25);
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await WriteAsync(server, device, item, 0, 44);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, server.Log(device), 45), device.Call);
        time.Advance(Retention + TimeSpan.FromHours(2));
        Assert.Equal(0, await RunAsync(server));
        Assert.Equal(0UL, server.Services.GetRequiredService<IVaultStore>().State(device.Session.AccountId).CompactedSeq);

        // One more revision takes the envelope of one more old one.
        await WriteAsync(server, device, item, 44, 1);
        Assert.Equal(25, await RunAsync(server));
        Assert.Equal(45UL, server.Services.GetRequiredService<IVaultStore>().State(device.Session.AccountId).CompactedSeq);
    }

    [Fact]
    public async Task The_job_does_it_by_itself_and_goes_on_after_a_failure()
    {
        var time = new FakeTime();
        await using var server = await StartAsync(time, hours: 1);
        var device = await server.EnrolAsync();
        await WriteAsync(server, device, Guid.CreateVersion7(), 0, 80);
        var log = server.Log(device);
        await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, (ulong)log.Count), device.Call);
        server.Database.Writer.Committer.CommitFault = () => throw new Microsoft.Data.Sqlite.SqliteException("planted", 13);
        time.Advance(Retention + TimeSpan.FromHours(1));
        await Eventually.TrueAsync(() => server.Logs.Text.Contains("Compacting the logs failed", StringComparison.Ordinal));
        Assert.Equal(log, server.Log(device));

        server.Database.Writer.Committer.CommitFault = null;
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromHours(1));
            return server.Services.GetRequiredService<IVaultStore>().State(device.Session.AccountId).CompactedSeq > 0 && server.Log(device).Count < log.Count;
        });
        await ExpectSnapshotAsync(server, device, log);
    }

    /// <summary>Unless told otherwise the job runs when the test says so; its timer is far away.</summary>
    private static Task<TestServer> StartAsync(FakeTime time, int least = 1, ulong revisions = 20, int hours = 45 * 24) => TestServer.StartAsync(time, o => o with
    {
        Limits = o.Limits with
        {
            ChangeRetention = Retention,
            CompactionInterval = TimeSpan.FromHours(hours),
            CompactionLeast = least,
            SweepBatch = 8,
            CheckpointInterval = 1,
            RevisionsPerSubject = revisions,
            AccessTokenLifetime = TimeSpan.FromDays(100),
        },
    });

    /// <summary>Runs the job once and tells by how many entries the logs are shorter.</summary>
    private static async Task<int> RunAsync(TestServer server)
    {
        const string countSql = "SELECT count(*) FROM change";
        var before = server.Database.Read(c => c.ExecuteScalar<int>(countSql));
        await server.Services.GetRequiredService<CompactionJob>().RunAsync(Token);
        return before - server.Database.Read(c => c.ExecuteScalar<int>(countSql));
    }

    private static async Task WriteAsync(TestServer server, VaultDevice device, Guid item, ulong baseRev, int times)
    {
        foreach (var revs in Enumerable.Range(0, times).Chunk(50))
        {
            var results = (await server.PushAsync(device, revs.Select(i => device.Author.Put(item, baseRev + (ulong)i, [1, 2, 3])), atomic: false)).Results;
            Assert.All(results, r => Assert.NotNull(r.Applied));
        }
    }

    /// <summary>By the rule, computed from the log as it was: no envelope, below the seq, superseded by something up to it.</summary>
    private static List<Change> Removable(IReadOnlyList<Change> log, ulong seq) =>
        [.. log.Where(c => c.Superseded && c.Seq < seq && log.Any(n => n.SubjectId == c.SubjectId && n.Rev > c.Rev && n.Seq <= seq))];

    private static async Task<string> ReadAsync(TestServer server, VaultDevice device) => string.Join(
        '\n',
        await server.Vault.GetUsageAsync(new GetUsageRequest(), device.Call),
        await server.Vault.ListDeviceKeysAsync(new ListDeviceKeysRequest(), device.Call),
        (await server.Vault.GetVaultAsync(new GetVaultRequest(), device.Call)).Keyset);

    private static async Task ExpectSnapshotAsync(TestServer server, VaultDevice device, IReadOnlyList<Change> log)
    {
        await using var stream = await SyncClient.OpenAsync(server, device.Session);
        Assert.Equal(ResyncReason.Compacted, (await stream.NextAsync(m => m.ResyncRequired)).Reason);
        var begin = await stream.NextAsync(m => m.SnapshotBegin);
        var rows = new List<Change>();
        SyncResponse message;
        do
        {
            message = (await stream.NextAsync())!;
            rows.AddRange(message.SnapshotRows?.Rows ?? []);
        }
        while (message.SnapshotEnd is null);

        Assert.Equal(TestCheckpoint.Newest(log, begin.AsOf).OrderBy(c => c.Seq), rows);
        Assert.Equal(begin.Checkpoint.Span[120..], TestCheckpoint.RootOf(rows));
    }
}
