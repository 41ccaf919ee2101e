using System.Security.Cryptography;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// What a repeated op_seq is answered with. A result that is not APPLIED has a row of its own from the start. One that is
/// APPLIED is read from the change that it made, until the log's results are settled: then rows are written for all
/// changes of the account since the last time. A row with every Push would cost a page of the log with every Push.
/// </summary>
internal static class VaultResults
{
    private const string SettledSeqSql = "SELECT settled_seq FROM vault WHERE account_id = @AccountId";

    /// <summary>The results of changes up to this seq have rows.</summary>
    public static ulong SettledSeq(PreparedStatements statements, Guid accountId)
    {
        var row = statements.Get(SettledSeqSql).Bind(accountId);
        var seq = row.Step() ? row.UInt64(0) : 0;
        row.Reset();
        return seq;
    }

    private const string LastOpSeqSql = """
        SELECT op_seq FROM op_result
        WHERE account_id = @AccountId AND device_id = @DeviceId
        ORDER BY op_seq DESC LIMIT 1
        """;

    /// <summary>The device's greatest op_seq with a durable result; 0 before the first.</summary>
    public static ulong LastOpSeq(PreparedStatements statements, Guid accountId, Guid deviceId)
    {
        var row = statements.Get(LastOpSeqSql).Bind(accountId).Bind(deviceId);
        var last = row.Step() ? row.UInt64(0) : 0;
        row.Reset();
        var changes = Unsettled(statements, accountId, SettledSeq(statements, accountId), long.MaxValue);
        while (changes.Step())
        {
            var header = Header(changes);
            last = header.DeviceId == deviceId ? Math.Max(last, header.OpSeq) : last;
        }

        changes.Reset();
        return last;
    }

    private const string ResultSql = """
        SELECT header_hash, outcome, seq, rev, reason FROM op_result
        WHERE account_id = @AccountId AND device_id = @DeviceId AND op_seq = @OpSeq
        """;

    private const string CountNewerSql = """
        SELECT count(*) FROM op_result
        WHERE account_id = @AccountId AND device_id = @DeviceId AND op_seq > @OpSeq
        """;

    /// <summary>The stored result of an operation, if it is among the device's last <paramref name="kept"/>.</summary>
    public static StoredResult? Find(PreparedStatements statements, Guid accountId, Guid deviceId, ulong opSeq, int kept)
    {
        var row = statements.Get(ResultSql).Bind(accountId).Bind(deviceId).Bind(opSeq);
        StoredResult? result = row.Step()
            ? new StoredResult(
                row.Blob(0).ToArray(),
                new Outcome((OutcomeKind)row.Int64(1), row.UInt64(2), row.UInt64(3), (RejectionReason)row.Int64(4)))
            : null;
        row.Reset();

        // Rows are removed some at a time; the promise counts exactly.
        var count = statements.Get(CountNewerSql).Bind(accountId).Bind(deviceId).Bind(opSeq);
        count.Step();
        var newer = count.Int64(0);
        count.Reset();
        var changes = Unsettled(statements, accountId, SettledSeq(statements, accountId), long.MaxValue);
        while (changes.Step())
        {
            var header = Header(changes);
            if (header.DeviceId != deviceId)
            {
                continue;
            }

            newer += header.OpSeq > opSeq ? 1 : 0;
            if (header.OpSeq == opSeq)
            {
                result = new StoredResult(SHA256.HashData(changes.Blob(2)), Outcome.Applied(changes.UInt64(0), changes.UInt64(1)));
            }
        }

        changes.Reset();
        return newer < kept ? result : null;
    }

    private const string InsertSql = """
        INSERT INTO op_result (account_id, device_id, op_seq, header_hash, outcome, seq, rev, reason)
        VALUES (@AccountId, @DeviceId, @OpSeq, @HeaderHash, @Outcome, @Seq, @Rev, @Reason)
        """;

    public static void Insert(PreparedStatements statements, Guid accountId, Guid deviceId, ulong opSeq, ReadOnlySpan<byte> headerHash, Outcome outcome)
    {
        statements.Get(InsertSql)
            .Bind(accountId)
            .Bind(deviceId)
            .Bind(opSeq)
            .Bind(headerHash)
            .Bind((long)outcome.Kind)
            .Bind(outcome.Seq)
            .Bind(outcome.Rev)
            .Bind((long)outcome.Reason)
            .Run();
    }

    /// <summary>Writes the rows of the changes after <paramref name="settledSeq"/> and below <paramref name="beforeSeq"/>.</summary>
    /// <param name="statements">The writer's.</param>
    /// <param name="accountId">Whose log.</param>
    /// <param name="settledSeq">The results up to this seq have rows.</param>
    /// <param name="beforeSeq">The first change that is none of this call's business.</param>
    /// <param name="written">Told for each row whose it is.</param>
    public static void Settle(PreparedStatements statements, Guid accountId, ulong settledSeq, ulong beforeSeq, Action<Guid> written)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        var changes = Unsettled(statements, accountId, settledSeq, checked((long)beforeSeq));
        while (changes.Step())
        {
            var header = Header(changes);
            SHA256.HashData(changes.Blob(2), hash);
            Insert(statements, accountId, header.DeviceId, header.OpSeq, hash, Outcome.Applied(changes.UInt64(0), changes.UInt64(1)));
            written(header.DeviceId);
        }

        changes.Reset();
    }

    private const string TrimSql = """
        DELETE FROM op_result
        WHERE account_id = @AccountId AND device_id = @DeviceId AND op_seq <= (
            SELECT op_seq FROM op_result WHERE account_id = @AccountId AND device_id = @DeviceId
            ORDER BY op_seq DESC LIMIT 1 OFFSET @Kept)
        """;

    /// <summary>Removes all rows of a device but the newest.</summary>
    public static void Trim(PreparedStatements statements, Guid accountId, Guid deviceId, int kept) =>
        statements.Get(TrimSql).Bind(accountId).Bind(deviceId).Bind((long)kept).Run();

    private const string UnsettledSql = """
        SELECT seq, rev, header FROM change
        WHERE account_id = @AccountId AND seq > @SettledSeq AND seq < @BeforeSeq
        ORDER BY seq
        """;

    private static Statement Unsettled(PreparedStatements statements, Guid accountId, ulong settledSeq, long beforeSeq) =>
        statements.Get(UnsettledSql).Bind(accountId).Bind(settledSeq).Bind(beforeSeq);

    private static OperationHeader Header(Statement change) =>
        OperationHeader.TryParse(change.Blob(2), out var header)
            ? header
            : throw new InvalidOperationException("The log holds a header that is not well-formed.");
}
