using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Storage;
using Kpm.Server.Verification.Checks;
using Kpm.V1;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kpm.Server.Tests.Guard;

/// <summary>What is kept, for how long, and how much of it.</summary>
public sealed class GuardStoreTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();
    private readonly SqliteDatabase _database;
    private readonly SqliteGuardStore _store;

    public GuardStoreTests()
    {
        _database = SqliteDatabase.Open(_folder.File("kpm.db"), new RecordedExit(), TimeProvider.System, NullLogger<SqliteDatabase>.Instance);
        _store = new SqliteGuardStore(_database);
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_counter_comes_back_as_it_was_written()
    {
        var row = new CounterRow { Failures = 7, Recent = [Now.AddSeconds(-3), Now], LastAt = Now, BlockedUntil = Now.AddSeconds(4) };
        await _store.RecordAsync([new CounterStep([1], _ => row)], CancellationToken.None);

        var (subject, client) = await _store.FindAsync([1], [2], CancellationToken.None);

        Assert.Equal(row.Recent, subject!.Recent);
        Assert.Equal(row with { Recent = subject.Recent }, subject);
        Assert.Null(client);
        await _store.ClearAsync([1], CancellationToken.None);
        Assert.Null((await _store.FindAsync([1], null, CancellationToken.None)).Subject);
    }

    [Fact]
    public async Task Above_the_bound_the_counters_with_the_fewest_failures_go_oldest_first()
    {
        // (failures, age): the heavy old one is what a flood of light ones must not wash away.
        (byte Subject, int Failures, int Age)[] rows = [(1, 9, 3600), (2, 1, 60), (3, 1, 10), (4, 2, 600), (5, 1, 30)];
        await _store.RecordAsync([.. rows.Select(r => Step(r.Subject, r.Failures, Now.AddSeconds(-r.Age)))], CancellationToken.None);

        await SweepAsync(new GuardSweep(Now.AddHours(-24), Now, MostCounters: 3, MostChecks: 10), most: 1);

        Assert.NotNull((await _store.FindAsync([1], null, CancellationToken.None)).Subject);
        Assert.NotNull((await _store.FindAsync([3], null, CancellationToken.None)).Subject);
        Assert.NotNull((await _store.FindAsync([4], null, CancellationToken.None)).Subject);
        Assert.Equal(3, Snapshot.Rows(_database, "guard_counter"));
    }

    [Fact]
    public async Task What_has_lapsed_goes_and_what_has_not_stays()
    {
        await _store.RecordAsync([Step(1, 9, Now.AddHours(-24)), Step(2, 9, Now.AddHours(-24).AddSeconds(1))], CancellationToken.None);
        await _store.UseAsync([], Check(Now), null, CancellationToken.None);
        await _store.UseAsync([], Check(Now.AddSeconds(2)), null, CancellationToken.None);

        await SweepAsync(new GuardSweep(Now.AddHours(-24).AddSeconds(1), Now.AddSeconds(1), 10, 10), most: 100);

        Assert.Equal(1, Snapshot.Rows(_database, "guard_counter"));
        Assert.Equal(1, Snapshot.Rows(_database, "security_check"));
    }

    [Fact]
    public async Task Above_the_bound_the_checks_that_end_first_go()
    {
        var last = Check(Now.AddSeconds(50));
        await _store.UseAsync([], last, null, CancellationToken.None);
        await _store.UseAsync([], Check(Now.AddSeconds(10)), null, CancellationToken.None);
        await _store.UseAsync([], Check(Now.AddSeconds(20)), null, CancellationToken.None);

        await SweepAsync(new GuardSweep(Now.AddHours(-24), Now, 10, MostChecks: 1), most: 100);

        Assert.Equal(1, Snapshot.Rows(_database, "security_check"));
        Assert.True(await _store.TakeAsync(last.CheckId, last.AnswerHash, null, Now, CancellationToken.None));
    }

    [Fact]
    public async Task While_one_counter_is_full_nothing_is_counted_or_stored()
    {
        var until = Now.AddMinutes(1);
        CounterUse free = new(Step(1, 1, Now), _ => null);
        CounterUse full = new(Step(2, 1, Now), _ => until);

        Assert.Equal(until, await _store.UseAsync([free, full], Check(Now), null, CancellationToken.None));

        Assert.Equal(0, Snapshot.Rows(_database, "guard_counter"));
        Assert.Equal(0, Snapshot.Rows(_database, "security_check"));
        Assert.Null(await _store.UseAsync([free], Check(Now), null, CancellationToken.None));
        Assert.Equal(1, Snapshot.Rows(_database, "guard_counter"));
    }

    [Fact]
    public async Task The_server_sweeps_what_lapsed()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = new TestDevice(time);
        await server.FailSignInAsync(device, AccountSteps.NewEmail());
        await server.Verification.NewSecurityCheckAsync(new NewSecurityCheckRequest { Delivery = SecurityCheckDelivery.Picture });
        Assert.NotEqual(0, Snapshot.Rows(server.Database, "guard_counter"));

        time.Advance(TimeSpan.FromMinutes(7));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "security_check") == 0);
        Assert.NotEqual(0, Snapshot.Rows(server.Database, "guard_counter"));

        time.Advance(TimeSpan.FromHours(24));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "guard_counter") == 0);
    }

    [Theory]
    [InlineData(10_000, true)]
    [InlineData(10_001, false)]
    public void A_counter_keeps_so_many_times_at_most(int count, bool valid)
    {
        var limits = new Limits { SecurityCheckClientFailures = count };

        if (valid)
        {
            limits.Validate();
        }
        else
        {
            Assert.Equal("Kpm:Limits:SecurityCheckClientFailures must be at most 10000.", Assert.Throws<StartException>(limits.Validate).Message);
        }
    }

    private static CounterStep Step(byte subject, int failures, DateTimeOffset at) =>
        new([subject], _ => new CounterRow { Failures = failures, Recent = [at], LastAt = at, BlockedUntil = at });

    private static NewCheck Check(DateTimeOffset expiresAt) => new() { CheckId = Guid.CreateVersion7(), AnswerHash = [1, 2, 3], AddressHash = null, ExpiresAt = expiresAt };

    private async Task SweepAsync(GuardSweep sweep, int most)
    {
        while (await _store.SweepAsync(sweep, most, CancellationToken.None))
        {
        }
    }
}
