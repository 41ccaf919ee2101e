using Dapper;
using Kpm.Server.Storage;
using Kpm.Server.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using SQLitePCL;

namespace Kpm.Server.Tests.Storage;

/// <summary>The single writer, group commit, and what happens when the disk refuses.</summary>
public sealed class SqliteDatabaseTests : IDisposable
{
    private static readonly IReadOnlyList<Migration> Schema =
    [
        new Migration { Number = 1, Name = "note", Sql = "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, body BLOB) STRICT" },
    ];

    private readonly TempFolder _folder = new();
    private readonly RecordedExit _exit = new();
    private SqliteDatabase? _opened;

    private SqliteDatabase Database => _opened ??= Open();

    public void Dispose()
    {
        _opened?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_write_is_seen_by_readers_once_its_task_is_done()
    {
        await Add(Database, "one");

        Assert.Equal(["one"], Notes(Database));
    }

    [Fact]
    public async Task A_throwing_unit_rolls_back_itself_and_not_its_neighbours()
    {
        using var gate = new WriterGate(Database);
        var before = Add(Database, "before");
        var failing = Database.WriteAsync(
            connection =>
            {
                connection.Execute("INSERT INTO note (text) VALUES ('half')");
                throw new InvalidOperationException("no");
            },
            Token);
        var duplicate = Add(Database, "before");
        var after = Add(Database, "after");
        gate.Open();

        await Task.WhenAll(before, after);
        await Assert.ThrowsAsync<InvalidOperationException>(() => failing);
        var constraint = await Assert.ThrowsAsync<SqliteException>(() => duplicate);
        Assert.Equal(raw.SQLITE_CONSTRAINT, constraint.SqliteErrorCode);
        Assert.Equal(["before", "after"], Notes(Database));
    }

    [Fact]
    public async Task Units_that_arrive_together_are_committed_together()
    {
        var commits = 0;
        Database.Writer.Committer.CommitFault = () => commits++;
        using (var gate = new WriterGate(Database))
        {
            var units = Enumerable.Range(0, SqliteDatabase.MaxUnitsPerGroup + 1).Select(i => Add(Database, $"{i}")).ToList();
            gate.Open();
            await Task.WhenAll(units);
        }

        // The gate's own, one full group, and the one unit that no longer fitted.
        Assert.Equal(3, commits);
        Assert.Equal(SqliteDatabase.MaxUnitsPerGroup + 1, Notes(Database).Count);
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(9, false)]
    public async Task A_full_queue_refuses_at_once(int units, bool taken)
    {
        _opened = Open(maxQueuedUnits: 8);
        using var gate = new WriterGate(Database);
        var queued = Enumerable.Range(0, 8).Select(i => Add(Database, $"{i}")).ToList();
        if (units > 8)
        {
            Assert.Throws<StorageBusyException>(() => { _ = Add(Database, "too many"); });
        }

        gate.Open();
        await Task.WhenAll(queued);
        Assert.Equal(8, Notes(Database).Count);
        Assert.Equal(taken, units == 8);
        await Add(Database, "room again");
    }

    [Fact]
    public async Task A_unit_that_is_cancelled_before_it_begins_is_not_run()
    {
        using var gate = new WriterGate(Database);
        using var cancellation = new CancellationTokenSource();
        var cancelled = Database.WriteAsync(c => c.Execute("INSERT INTO note (text) VALUES ('no')"), cancellation.Token);
        await cancellation.CancelAsync();
        gate.Open();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Empty(Notes(Database));
    }

    [Fact]
    public async Task A_full_disk_fails_the_whole_group_while_reads_go_on_and_writes_recover()
    {
        await Add(Database, "kept");
        var rolledBack = new CountingUnit();
        using (var gate = new WriterGate(Database))
        {
            // The page limit makes SQLite answer SQLITE_FULL, as a full disk does.
            var limit = Database.WriteAsync(c => c.Execute("PRAGMA max_page_count = 1"), Token);
            Database.Write(rolledBack);
            var neighbour = Add(Database, "neighbour");
            var big = Database.WriteAsync(c => c.Execute("INSERT INTO note (text, body) VALUES ('big', zeroblob(100000))"), Token);
            gate.Open();

            await Assert.ThrowsAsync<StorageUnavailableException>(() => neighbour);
            var refused = await Assert.ThrowsAsync<StorageUnavailableException>(() => big);
            Assert.Equal(raw.SQLITE_FULL, Assert.IsType<SqliteException>(refused.InnerException).SqliteErrorCode);
            await Assert.ThrowsAsync<StorageUnavailableException>(() => limit);
        }

        Assert.Equal((1, 0), (rolledBack.RolledBackCount, rolledBack.SucceededCount));
        Assert.IsType<StorageUnavailableException>(rolledBack.Failure);
        Assert.Equal(["kept"], Notes(Database));
        Assert.Empty(_exit.Lines);

        await Database.WriteAsync(c => c.Execute("PRAGMA max_page_count = 1000000"), Token);
        await Add(Database, "after");
        Assert.Equal(["kept", "after"], Notes(Database));
    }

    [Theory]
    [InlineData(raw.SQLITE_FULL, raw.SQLITE_FULL)]
    [InlineData(raw.SQLITE_NOMEM, raw.SQLITE_NOMEM)]
    [InlineData(raw.SQLITE_IOERR, raw.SQLITE_IOERR_WRITE)]
    public async Task A_commit_that_did_not_reach_the_disk_fails_its_group_only(int code, int extended)
    {
        await Add(Database, "kept");
        Database.Writer.Committer.CommitFault = () => throw new SqliteException("planted", code, extended);
        await Assert.ThrowsAsync<StorageUnavailableException>(() => Add(Database, "lost"));
        Database.Writer.Committer.CommitFault = null;
        await Add(Database, "after");

        Assert.Equal(["kept", "after"], Notes(Database));
        Assert.Empty(_exit.Lines);
    }

    [Theory]
    [InlineData(raw.SQLITE_IOERR, raw.SQLITE_IOERR_FSYNC)]
    [InlineData(raw.SQLITE_IOERR, raw.SQLITE_IOERR_DIR_FSYNC)]
    [InlineData(raw.SQLITE_ERROR, raw.SQLITE_ERROR)]
    public async Task After_a_commit_of_unknown_outcome_nothing_is_acknowledged_and_the_process_exits(int code, int extended)
    {
        await Add(Database, "kept");
        Database.Writer.Committer.CommitFault = () => throw new SqliteException("planted", code, extended);

        await Assert.ThrowsAsync<StorageUnavailableException>(() => Add(Database, "unknown"));
        Database.Writer.Committer.CommitFault = null;
        await Assert.ThrowsAsync<StorageUnavailableException>(() => Add(Database, "later"));
        var line = Assert.Single(_exit.Lines);
        Assert.DoesNotContain('\n', line);
        Assert.Contains("failed to sync", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_queued_is_written_before_the_database_closes()
    {
        var adds = Enumerable.Range(0, 500).Select(i => Add(Database, $"{i}")).ToList();
        Database.Dispose();
        await Task.WhenAll(adds);
        Assert.Throws<StorageUnavailableException>(() => { _ = Add(Database, "late"); });

        _opened = Open();
        Assert.Equal(500, Notes(Database).Count);
    }

    [Fact]
    public async Task A_read_sees_one_snapshot_even_while_writes_commit()
    {
        await Add(Database, "one");
        using var between = new SemaphoreSlim(0);
        using var started = new SemaphoreSlim(0);
        var read = Task.Run(
            () => Database.Read(c =>
            {
                var first = c.ExecuteScalar<int>("SELECT count(*) FROM note");
                started.Release();
                between.Wait(TimeSpan.FromSeconds(30));
                return (first, c.ExecuteScalar<int>("SELECT count(*) FROM note"));
            }),
            Token);
        await started.WaitAsync(Token);
        await Add(Database, "two");
        between.Release();

        Assert.Equal((1, 1), await read);
        Assert.Equal(2, Notes(Database).Count);
    }

    [Fact]
    public void A_reader_can_not_write() =>
        Assert.Throws<SqliteException>(() => Database.Read(c => c.Execute("INSERT INTO note (text) VALUES ('no')")));

    [Fact]
    public async Task The_log_is_checkpointed_and_does_not_grow_with_what_was_written()
    {
        var body = new byte[64 * 1024];
        for (var i = 0; i < 1500; i++)
        {
            await Database.WriteAsync(c => c.Execute("INSERT OR REPLACE INTO note (id, text, body) VALUES (@Id, @Text, @body)", new { Id = i % 50, Text = $"{i % 50}", body }), Token);
        }

        // 94 MiB went through it; the busy threshold is 32 MiB and the idle one 4 MiB.
        Assert.InRange(new FileInfo(_folder.File("kpm.db-wal")).Length, 1, 64L * 1024 * 1024);
    }

    [Fact]
    public void Files_are_readable_by_their_owner_only()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has access control lists instead of modes.");
            return;
        }

        Notes(Database);
        foreach (var file in Directory.EnumerateFiles(_folder.Path))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private SqliteDatabase Open(int maxQueuedUnits = SqliteDatabase.MaxQueuedUnits) => SqliteDatabase.Open(
        _folder.File("kpm.db"), _exit, TimeProvider.System, NullLogger<SqliteDatabase>.Instance, Schema, maxQueuedUnits);

    private static Task<int> Add(SqliteDatabase database, string text) =>
        database.WriteAsync(c => c.Execute("INSERT INTO note (text) VALUES (@text)", new { text }), Token);

    private static List<string> Notes(SqliteDatabase database) =>
        database.Read(c => c.Query<string>("SELECT text FROM note ORDER BY id").AsList());

    private sealed class CountingUnit : WriteUnit
    {
        public int RolledBackCount { get; private set; }

        public int SucceededCount { get; private set; }

        public Exception? Failure { get; private set; }

        public override void Execute(SqliteConnection connection) => connection.Execute("INSERT INTO note (text) VALUES ('counted')");

        public override void RolledBack() => RolledBackCount++;

        public override void Succeeded() => SucceededCount++;

        public override void Failed(Exception reason) => Failure = reason;
    }
}
