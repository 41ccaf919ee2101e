using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteRevisionStore(SqliteDatabase database, SqliteVaultStore vaults, Limits limits, TimeProvider time) : IRevisionStore
{
    // Kinds 1 and 2 are those of items: the keyset and directory entries are asked for elsewhere, and not by everybody.
    private const string RevisionsSql = """
        SELECT rev, seq, kind, header, signature, coalesce(length(envelope), 0), committed_at FROM change
        WHERE account_id = @AccountId AND subject_id = @ItemId AND rev < @BelowRev AND kind IN (1, 2)
        ORDER BY rev DESC LIMIT @Most
        """;

    private const string RevisionSql = """
        SELECT seq, kind, header, signature, envelope, more_in_batch, committed_at FROM change
        WHERE account_id = @AccountId AND subject_id = @ItemId AND rev = @Rev AND kind IN (1, 2)
        """;

    private const string TrashSql = """
        SELECT item_id, rev, seq, deleted_at FROM trash
        WHERE account_id = @AccountId AND seq < @BelowSeq
        ORDER BY seq DESC LIMIT @Most
        """;

    private const string KeptSql = """
        SELECT coalesce(max(rev), 0), coalesce(sum(length(envelope)), 0), count(*) FROM change
        WHERE account_id = @AccountId AND subject_id = @ItemId AND rev < @Rev AND kind = 1 AND envelope IS NOT NULL
        """;

    private const string DueSql = "SELECT account_id FROM trash WHERE deleted_at <= @DeletedBefore ORDER BY deleted_at LIMIT 1";

    private const string DueOfAccountSql = """
        SELECT item_id, rev FROM trash WHERE account_id = @AccountId AND deleted_at <= @DeletedBefore ORDER BY seq LIMIT @Most
        """;

    private const string PurgeSql = """
        UPDATE change SET envelope = NULL
        WHERE account_id = @AccountId AND subject_id = @ItemId AND rev < @Rev AND kind = 1 AND envelope IS NOT NULL
        """;

    private const string GiveBackSql = "UPDATE vault SET bytes = bytes - @Bytes WHERE account_id = @AccountId";

    public IReadOnlyList<Revision> Revisions(Guid accountId, Guid itemId, ulong belowRev, int most) => database.ReadPrepared(reader =>
    {
        var revisions = new List<Revision>();
        var row = reader.Statements.Get(RevisionsSql).Bind(accountId).Bind(itemId).Bind(belowRev).Bind((long)most);
        while (row.Step())
        {
            revisions.Add(new Revision
            {
                Rev = row.UInt64(0),
                Seq = row.UInt64(1),
                Kind = (OperationKind)row.Int64(2),
                Header = Bytes(row, 3),
                Signature = Bytes(row, 4),
                EnvelopeBytes = (uint)row.Int64(5),
                CommittedAt = Timestamp.FromDateTimeOffset(row.Int64(6).ToTime()),
            });
        }

        row.Reset();
        return revisions;
    });

    public Change? Revision(Guid accountId, Guid itemId, ulong rev) => database.ReadPrepared(reader =>
    {
        var row = reader.Statements.Get(RevisionSql).Bind(accountId).Bind(itemId).Bind(rev);
        var change = row.Step()
            ? new Change
            {
                Seq = row.UInt64(0),
                Kind = (OperationKind)row.Int64(1),
                SubjectId = itemId.ToWire(),
                Rev = rev,
                Header = Bytes(row, 2),
                Signature = Bytes(row, 3),
                Envelope = Bytes(row, 4),
                Superseded = row.IsNull(4),
                MoreInBatch = row.Int64(5) != 0,
                CommittedAt = Timestamp.FromDateTimeOffset(row.Int64(6).ToTime()),
            }
            : null;
        row.Reset();
        return change;
    });

    public IReadOnlyList<TrashedRow> Trash(Guid accountId, ulong belowSeq, int most) => database.ReadPrepared(reader =>
    {
        var items = new List<TrashedRow>();
        var row = reader.Statements.Get(TrashSql).Bind(accountId).Bind(belowSeq).Bind((long)most);
        while (row.Step())
        {
            var itemId = Ids.FromBytes(row.Blob(0));
            var kept = Kept(reader.Statements, accountId, itemId, row.UInt64(1));
            items.Add(new TrashedRow
            {
                ItemId = itemId,
                Rev = row.UInt64(1),
                Seq = row.UInt64(2),
                DeletedAt = row.Int64(3).ToTime(),
                RestorableRev = kept.Newest,
                Bytes = kept.Bytes,
            });
        }

        row.Reset();
        return items;
    });

    public async Task<bool> PurgeAsync(DateTimeOffset deletedBefore, int most, CancellationToken cancellationToken)
    {
        if (NextDue(deletedBefore) is not { } accountId)
        {
            return false;
        }

        await vaults.ChangeAsync(accountId, statements => Purge(statements, accountId, deletedBefore, most), cancellationToken);
        return true;
    }

    private Guid? NextDue(DateTimeOffset deletedBefore) => database.ReadPrepared<Guid?>(reader =>
    {
        var row = reader.Statements.Get(DueSql).Bind(deletedBefore.ToStored());
        Guid? accountId = row.Step() ? Ids.FromBytes(row.Blob(0)) : null;
        row.Reset();
        return accountId;
    });

    /// <summary>What was brought back meanwhile is not in the trash any more; and only revisions before the tombstone lose anything.</summary>
    private int Purge(PreparedStatements statements, Guid accountId, DateTimeOffset deletedBefore, int most)
    {
        var envelopes = 0;
        ulong freed = 0;
        foreach (var (itemId, rev) in DueOf(statements, accountId, deletedBefore, most))
        {
            var kept = Kept(statements, accountId, itemId, rev);
            statements.Get(PurgeSql).Bind(accountId).Bind(itemId).Bind(rev).Run();
            RetentionRows.Unkept(statements, accountId, itemId, 1, rev - 1, time.GetUtcNow() + limits.AttachmentGrace);
            RetentionRows.RemoveFromTrash(statements, accountId, itemId);
            freed += kept.Bytes;
            envelopes += kept.Count;
            if (envelopes >= most)
            {
                break;
            }
        }

        statements.Get(GiveBackSql).Bind(freed).Bind(accountId).Run();
        return envelopes;
    }

    private static List<(Guid ItemId, ulong Rev)> DueOf(PreparedStatements statements, Guid accountId, DateTimeOffset deletedBefore, int most)
    {
        var due = new List<(Guid, ulong)>();
        var row = statements.Get(DueOfAccountSql).Bind(accountId).Bind(deletedBefore.ToStored()).Bind((long)most);
        while (row.Step())
        {
            due.Add((Ids.FromBytes(row.Blob(0)), row.UInt64(1)));
        }

        row.Reset();
        return due;
    }

    private static (ulong Newest, ulong Bytes, int Count) Kept(PreparedStatements statements, Guid accountId, Guid itemId, ulong rev)
    {
        var row = statements.Get(KeptSql).Bind(accountId).Bind(itemId).Bind(rev);
        row.Step();
        var kept = (row.UInt64(0), row.UInt64(1), (int)row.Int64(2));
        row.Reset();
        return kept;
    }

    private static ByteString Bytes(Statement row, int column) => ByteString.CopyFrom(row.Blob(column));
}
