using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Snapshots, read out of the log.</summary>
internal sealed class SqliteSnapshotStore(SqliteDatabase database) : ISnapshotStore
{
    public StoredCheckpoint? Newest(Guid accountId) => database.ReadPrepared(reader => SqliteCheckpointStore.Newest(reader.Statements, accountId));

    // The columns of a change first. A subject's revisions rise with their seq, so the next one tells.
    private const string RowsSql = """
        SELECT c.seq, c.kind, c.subject_id, c.rev, c.header, c.signature, c.envelope, c.more_in_batch, c.committed_at,
            (SELECT n.seq FROM change n
             WHERE n.account_id = c.account_id AND n.subject_id = c.subject_id AND n.rev > c.rev
             ORDER BY n.rev LIMIT 1) <= @AsOf
        FROM change c
        WHERE c.account_id = @AccountId AND c.seq > @AfterSeq AND c.seq <= @AsOf
        ORDER BY c.seq LIMIT @MaxEntries
        """;

    private const int IsSuperseded = 9;

    public SnapshotPage? Rows(Guid accountId, ulong asOf, ulong afterSeq, Limits limits) => database.ReadPrepared(reader =>
    {
        if (VaultQueries.State(reader.Statements, accountId).CompactedSeq > asOf)
        {
            return null;
        }

        var rows = new List<Change>(limits.ChangesPerMessage);
        var bytes = 0;
        var last = afterSeq;
        var row = reader.Statements.Get(RowsSql).Bind(asOf).Bind(accountId).Bind(afterSeq).Bind((long)limits.SnapshotEntriesPerRead);
        while (rows.Count < limits.ChangesPerMessage && bytes < limits.ChangesMessageBytes && row.Step())
        {
            last = row.UInt64(0);
            if (row.Int64(IsSuperseded) != 0)
            {
                continue;
            }

            var change = VaultQueries.ToChange(row);
            // It says what follows in the log; a snapshot is whole anyway.
            change.MoreInBatch = false;
            rows.Add(change);
            bytes += change.Header.Length + change.Signature.Length + change.Envelope.Length;
        }

        row.Reset();
        return new SnapshotPage(rows, last);
    });
}
