using System.Buffers.Binary;
using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Messaging;
using Kpm.Server.Verification.Checks;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteGuardStore(SqliteDatabase database) : IGuardStore
{
    private const string FindSql = """
        SELECT failures AS Failures, recent AS Recent, last_at AS LastAt, blocked_until AS BlockedUntil FROM guard_counter WHERE subject = @subject
        """;

    private const string SetSql = """
        INSERT INTO guard_counter (subject, failures, recent, last_at, blocked_until) VALUES (@subject, @failures, @recent, @lastAt, @blockedUntil)
        ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, recent = excluded.recent, last_at = excluded.last_at, blocked_until = excluded.blocked_until
        """;

    private const string ClearSql = "DELETE FROM guard_counter WHERE subject = @subject";

    private const string InsertCheckSql = """
        INSERT INTO security_check (check_id, answer_hash, address_hash, expires_at) VALUES (@checkId, @answerHash, @addressHash, @expiresAt)
        """;

    private const string TakeCheckSql = """
        DELETE FROM security_check WHERE check_id = @checkId RETURNING answer_hash AS AnswerHash, address_hash AS AddressHash, expires_at AS ExpiresAt
        """;

    private const string SweepCountersSql = """
        DELETE FROM guard_counter WHERE subject IN (SELECT subject FROM guard_counter WHERE last_at < @before LIMIT @most)
        """;

    private const string SweepChecksSql = """
        DELETE FROM security_check WHERE check_id IN (SELECT check_id FROM security_check WHERE expires_at < @before LIMIT @most)
        """;

    private const string CountCountersSql = "SELECT count(*) FROM guard_counter";

    private const string CountChecksSql = "SELECT count(*) FROM security_check";

    private const string DropLightestSql = """
        DELETE FROM guard_counter WHERE subject IN (SELECT subject FROM guard_counter ORDER BY failures, last_at LIMIT @most)
        """;

    private const string DropFirstToEndSql = """
        DELETE FROM security_check WHERE check_id IN (SELECT check_id FROM security_check ORDER BY expires_at LIMIT @most)
        """;

    public ValueTask<(CounterRow? Subject, CounterRow? Client)> FindAsync(byte[] subject, byte[]? client, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => (Find(c, subject), client is null ? null : Find(c, client))));

    public Task RecordAsync(IReadOnlyList<CounterStep> steps, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Record(c, steps), cancellationToken);

    public Task ClearAsync(byte[] subject, CancellationToken cancellationToken) => database.WriteAsync(c => Clear(c, subject), cancellationToken);

    public Task<DateTimeOffset?> UseAsync(IReadOnlyList<CounterUse> uses, NewCheck? check, OutgoingMail? mail, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                if (uses.Select(u => u.FullUntil(Find(c, u.Step.Subject))).Max() is { } fullUntil)
                {
                    return fullUntil;
                }

                Record(c, [.. uses.Select(u => u.Step)]);
                if (check is not null)
                {
                    c.Execute(InsertCheckSql, new { checkId = check.CheckId.ToBytes(), answerHash = check.AnswerHash, addressHash = check.AddressHash, expiresAt = check.ExpiresAt.ToStored() });
                }

                if (mail is not null)
                {
                    SqliteMailOutbox.Insert(c, mail);
                }

                return (DateTimeOffset?)null;
            },
            cancellationToken);

    public Task<bool> TakeAsync(Guid checkId, byte[] answerHash, byte[]? addressHash, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c => c.QuerySingleOrDefault<StoredCheck>(TakeCheckSql, new { checkId = checkId.ToBytes() }) is { } check
                && now < check.ExpiresAt.ToTime()
                && (check.AddressHash is null || (addressHash is not null && CryptographicOperations.FixedTimeEquals(check.AddressHash, addressHash)))
                && CryptographicOperations.FixedTimeEquals(check.AnswerHash, answerHash),
            cancellationToken);

    public Task<bool> SweepAsync(GuardSweep sweep, int most, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                var removed = c.Execute(SweepCountersSql, new { before = sweep.CountersBefore.ToStored(), most })
                    + c.Execute(SweepChecksSql, new { before = sweep.ChecksBefore.ToStored(), most });
                return removed + Drop(c, CountCountersSql, DropLightestSql, sweep.MostCounters, most) + Drop(c, CountChecksSql, DropFirstToEndSql, sweep.MostChecks, most) > 0;
            },
            cancellationToken);

    /// <summary>For the units of other stores: a failure is counted with what else it writes.</summary>
    public static List<CounterRow> Record(SqliteConnection connection, IReadOnlyList<CounterStep> steps)
    {
        var rows = new List<CounterRow>(steps.Count);
        foreach (var step in steps)
        {
            var next = step.Next(Find(connection, step.Subject));
            connection.Execute(SetSql, new
            {
                subject = step.Subject,
                failures = next.Failures,
                recent = ToStored(next.Recent),
                lastAt = next.LastAt.ToStored(),
                blockedUntil = next.BlockedUntil.ToStored(),
            });
            rows.Add(next);
        }

        return rows;
    }

    /// <summary>For the units of other stores: a success forgets the failures before it.</summary>
    public static void Clear(SqliteConnection connection, byte[] subject) => connection.Execute(ClearSql, new { subject });

    private static int Drop(SqliteConnection connection, string countSql, string dropSql, int bound, int most)
    {
        var surplus = connection.QuerySingle<long>(countSql) - bound;
        return surplus <= 0 ? 0 : connection.Execute(dropSql, new { most = Math.Min(surplus, most) });
    }

    private static CounterRow? Find(SqliteConnection connection, byte[] subject) =>
        connection.QuerySingleOrDefault<StoredCounter>(FindSql, new { subject }) is not { } stored ? null : new CounterRow
        {
            Failures = (int)stored.Failures,
            Recent = ToTimes(stored.Recent),
            LastAt = stored.LastAt.ToTime(),
            BlockedUntil = stored.BlockedUntil.ToTime(),
        };

    private static byte[] ToStored(IReadOnlyList<DateTimeOffset> times)
    {
        var bytes = new byte[times.Count * sizeof(long)];
        for (var i = 0; i < times.Count; i++)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(i * sizeof(long)), times[i].ToStored());
        }

        return bytes;
    }

    private static DateTimeOffset[] ToTimes(byte[] bytes)
    {
        var times = new DateTimeOffset[bytes.Length / sizeof(long)];
        for (var i = 0; i < times.Length; i++)
        {
            times[i] = BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(i * sizeof(long))).ToTime();
        }

        return times;
    }

    private sealed record StoredCounter
    {
        public required long Failures { get; init; }
        public required byte[] Recent { get; init; }
        public required long LastAt { get; init; }
        public required long BlockedUntil { get; init; }
    }

    private sealed record StoredCheck
    {
        public required byte[] AnswerHash { get; init; }
        public required byte[]? AddressHash { get; init; }
        public required long ExpiresAt { get; init; }
    }
}
