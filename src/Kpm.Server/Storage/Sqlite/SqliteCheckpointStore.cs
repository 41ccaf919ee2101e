using System.Buffers.Binary;
using System.Security.Cryptography;
using Kpm.Server.Vaults;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Checkpoints in SQLite.</summary>
internal sealed class SqliteCheckpointStore(SqliteDatabase database) : ICheckpointStore
{
    /// <summary>Where the key epoch stands in a header (docs/crypto.md).</summary>
    private const int KeyEpochOffset = 120;

    public StoredCheckpoint? Newest(Guid accountId) => database.ReadPrepared(reader => Newest(reader.Statements, accountId));

    private const string NewestSql = "SELECT seq, leaves, checkpoint, signature FROM checkpoint WHERE account_id = @AccountId";

    public static StoredCheckpoint? Newest(PreparedStatements statements, Guid accountId)
    {
        var row = statements.Get(NewestSql).Bind(accountId);
        var checkpoint = row.Step() ? new StoredCheckpoint(row.UInt64(0), row.UInt64(1), row.Blob(2).ToArray(), row.Blob(3).ToArray()) : null;
        row.Reset();
        return checkpoint;
    }

    private const string NewestSeqSql = "SELECT seq FROM checkpoint WHERE account_id = @AccountId";

    /// <summary>0 before the first.</summary>
    public static ulong NewestSeq(PreparedStatements statements, Guid accountId)
    {
        var row = statements.Get(NewestSeqSql).Bind(accountId);
        var seq = row.Step() ? row.UInt64(0) : 0;
        row.Reset();
        return seq;
    }

    public LogPosition Position(Guid accountId, Guid deviceId, ulong seq) => database.ReadPrepared(reader => new LogPosition
    {
        State = VaultQueries.State(reader.Statements, accountId),
        CheckpointSeq = NewestSeq(reader.Statements, accountId),
        Enrolled = IsEnrolled(reader.Statements, accountId, deviceId, seq),
        Entry = Entry(reader.Statements, accountId, seq),
    });

    private const string EnrolledSql = """
        SELECT 1 FROM change
        WHERE account_id = @AccountId AND subject_id = @DeviceId AND rev = 1 AND kind = 3 AND +seq <= @Seq
        """;

    private static bool IsEnrolled(PreparedStatements statements, Guid accountId, Guid deviceId, ulong seq)
    {
        var row = statements.Get(EnrolledSql).Bind(accountId).Bind(deviceId).Bind(seq);
        var enrolled = row.Step();
        row.Reset();
        return enrolled;
    }

    private const string EntrySql = "SELECT chain_hash, header, more_in_batch FROM change WHERE account_id = @AccountId AND seq = @Seq";

    /// <summary>Every operation is of the vault's epoch, and a keyset that raises it names the new one: the epoch after an entry is the entry's.</summary>
    private static LogEntryFacts? Entry(PreparedStatements statements, Guid accountId, ulong seq)
    {
        var row = statements.Get(EntrySql).Bind(accountId).Bind(seq);
        var entry = row.Step()
            ? new LogEntryFacts(row.Blob(0).ToArray(), BinaryPrimitives.ReadUInt32BigEndian(row.Blob(1)[KeyEpochOffset..]), row.Int64(2) != 0)
            : null;
        row.Reset();
        return entry;
    }

    // The next subject is found in the index alone, however many revisions the one before has.
    private const string NextSubjectSql = """
        SELECT subject_id FROM change
        WHERE account_id = @AccountId AND subject_id > @After
        ORDER BY subject_id LIMIT 1
        """;

    // The plus keeps the planner from walking the log by seq, once for each subject.
    private const string LeafSql = """
        SELECT rev, seq, header FROM change
        WHERE account_id = @AccountId AND subject_id = @SubjectId AND +seq <= @Seq
        ORDER BY rev DESC LIMIT 1
        """;

    public LeafPage Leaves(Guid accountId, ulong seq, Guid? after, int subjects) => database.ReadPrepared(reader =>
    {
        var leaves = new List<SubjectLeaf>(subjects);
        // An empty blob is below every id.
        var position = after?.ToBytes() ?? [];
        for (; subjects > 0; subjects--)
        {
            var next = reader.Statements.Get(NextSubjectSql).Bind(accountId).Bind(position);
            if (!next.Step())
            {
                next.Reset();
                return new LeafPage(leaves, null);
            }

            position = next.Blob(0).ToArray();
            next.Reset();
            var row = reader.Statements.Get(LeafSql).Bind(accountId).Bind(position).Bind(seq);
            if (row.Step())
            {
                leaves.Add(new SubjectLeaf(Ids.FromBytes(position), row.UInt64(0), row.UInt64(1), SHA256.HashData(row.Blob(2))));
            }

            row.Reset();
        }

        return new LeafPage(leaves, Ids.FromBytes(position));
    });

    private const string SaveSql = """
        INSERT INTO checkpoint (account_id, seq, leaves, checkpoint, signature)
        VALUES (@AccountId, @Seq, @Leaves, @Checkpoint, @Signature)
        ON CONFLICT (account_id) DO UPDATE SET
            seq = excluded.seq, leaves = excluded.leaves, checkpoint = excluded.checkpoint, signature = excluded.signature
        WHERE excluded.seq > checkpoint.seq
        """;

    public Task<ulong?> SaveAsync(NewCheckpoint checkpoint, CancellationToken cancellationToken) => database.WriteAsync<ulong?>(
        _ =>
        {
            var statements = database.WriterStatements;
            if (VaultQueries.Session(statements, checkpoint.AccountId, checkpoint.SessionId, checkpoint.DeviceId) is null)
            {
                throw new SessionEndedException();
            }

            if (VaultQueries.State(statements, checkpoint.AccountId).Generation != checkpoint.Generation)
            {
                return null;
            }

            statements.Get(SaveSql)
                .Bind(checkpoint.AccountId)
                .Bind(checkpoint.Checkpoint.Seq)
                .Bind(checkpoint.Checkpoint.Leaves)
                .Bind(checkpoint.Checkpoint.Bytes)
                .Bind(checkpoint.Checkpoint.Signature)
                .Run();
            return NewestSeq(statements, checkpoint.AccountId);
        },
        cancellationToken);
}
