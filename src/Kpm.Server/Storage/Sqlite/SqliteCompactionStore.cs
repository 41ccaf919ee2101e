using Kpm.Server.Vaults;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Compaction in SQLite.</summary>
internal sealed class SqliteCompactionStore(SqliteDatabase database, SqliteVaultStore vaults) : ICompactionStore
{
    private const string AccountsSql = "SELECT account_id FROM checkpoint WHERE account_id > @After ORDER BY account_id LIMIT @Most";

    public IReadOnlyList<Guid> Accounts(Guid? after, int most) => database.ReadPrepared<IReadOnlyList<Guid>>(reader =>
    {
        var accounts = new List<Guid>();
        // An empty blob is below every id.
        var row = reader.Statements.Get(AccountsSql).Bind(after?.ToBytes() ?? []).Bind((long)most);
        while (row.Step())
        {
            accounts.Add(Ids.FromBytes(row.Blob(0)));
        }

        row.Reset();
        return accounts;
    });

    public ulong? Due(Guid accountId, DateTimeOffset committedBefore, int least) => database.ReadPrepared<ulong?>(reader =>
    {
        var statements = reader.Statements;
        var compacted = VaultQueries.State(statements, accountId).CompactedSeq;
        var seq = Reach(statements, accountId, compacted, committedBefore.ToUnixTimeMilliseconds());
        if (seq > compacted && CountRemovable(statements, accountId, seq, least) >= least)
        {
            return seq;
        }

        // Left over by a run that was cut off.
        return CountRemovable(statements, accountId, compacted, 1) > 0 ? compacted : null;
    });

    // Results of changes above settled_seq are read from the changes themselves.
    private const string MostSql = """
        SELECT min(c.seq, v.settled_seq) FROM checkpoint c JOIN vault v ON v.account_id = c.account_id
        WHERE c.account_id = @AccountId
        """;

    private const string CommittedAtSql = "SELECT committed_at FROM change WHERE account_id = @AccountId AND seq = @Seq";

    /// <summary>The last entry that is old enough, by bisection: above what is compacted the log is dense, and its times rise as far as the clock did.</summary>
    private static ulong Reach(PreparedStatements statements, Guid accountId, ulong compacted, long committedBefore)
    {
        var most = statements.Get(MostSql).Bind(accountId);
        var (low, high) = (compacted, most.Step() ? most.UInt64(0) : 0);
        most.Reset();
        while (low < high)
        {
            var middle = low + ((high - low + 1) / 2);
            var row = statements.Get(CommittedAtSql).Bind(accountId).Bind(middle);
            var old = row.Step() && row.Int64(0) < committedBefore;
            row.Reset();
            (low, high) = old ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    private const string CountRemovableSql = """
        SELECT count(*) FROM (
            SELECT 1 FROM change c
            WHERE c.account_id = @AccountId AND c.envelope IS NULL AND c.seq < @Seq AND (
                SELECT n.seq FROM change n
                WHERE n.account_id = c.account_id AND n.subject_id = c.subject_id AND n.rev > c.rev
                ORDER BY n.rev LIMIT 1) <= @Seq
            LIMIT @Most)
        """;

    private static int CountRemovable(PreparedStatements statements, Guid accountId, ulong seq, int most)
    {
        var row = statements.Get(CountRemovableSql).Bind(accountId).Bind(seq).Bind((long)most);
        row.Step();
        var count = (int)row.Int64(0);
        row.Reset();
        return count;
    }

    private const string CheckpointHoldsSql = "SELECT 1 FROM checkpoint WHERE account_id = @AccountId AND seq >= @Seq";

    private const string RaiseSql = "UPDATE vault SET compacted_seq = @Seq WHERE account_id = @AccountId AND compacted_seq < @Seq AND settled_seq >= @Seq RETURNING 1";

    // The entry at compacted_seq itself stays: it has the chain hash that a device's cursor is compared with.
    private const string RemoveSql = """
        DELETE FROM change WHERE id IN (
            SELECT c.id FROM change c
            WHERE c.account_id = @AccountId AND c.envelope IS NULL AND c.seq < @Seq AND (
                SELECT n.seq FROM change n
                WHERE n.account_id = c.account_id AND n.subject_id = c.subject_id AND n.rev > c.rev
                ORDER BY n.rev LIMIT 1) <= @Seq
            ORDER BY c.seq LIMIT @Most)
        RETURNING 1
        """;

    public Task<int> CompactAsync(Guid accountId, ulong seq, int most, CancellationToken cancellationToken) => vaults.ChangeAsync(
        statements =>
        {
            // What was planned is judged again here: only this thread knows what is true now.
            var raised = Count(statements.Get(CheckpointHoldsSql).Bind(accountId).Bind(seq)) > 0
                && Count(statements.Get(RaiseSql).Bind(seq).Bind(accountId)) > 0;
            return VaultQueries.State(statements, accountId).CompactedSeq < seq
                ? new VaultChange<int>([], 0)
                : new VaultChange<int>(raised ? [accountId] : [], Count(statements.Get(RemoveSql).Bind(accountId).Bind(seq).Bind((long)most)));
        },
        cancellationToken);

    private static int Count(Statement rows)
    {
        var count = 0;
        while (rows.Step())
        {
            count++;
        }

        rows.Reset();
        return count;
    }
}
