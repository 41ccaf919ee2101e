using Kpm.Server.Rpc;
using Kpm.Server.Vaults;
using Kpm.Server.Vaults.Attachments;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteAttachmentStore(SqliteDatabase database, SqliteVaultStore vaults, Limits limits, TimeProvider time) : IAttachmentStore
{
    private const string FindSql = """
        SELECT size, sha256, received, completed_at IS NOT NULL, expires_at FROM attachment
        WHERE account_id = @AccountId AND attachment_id = @AttachmentId
        """;

    private const string CountOpenSql = "SELECT count(*) FROM attachment WHERE account_id = @AccountId AND completed_at IS NULL";

    private const string CountSql = "SELECT count(*) FROM attachment WHERE account_id = @AccountId";

    private const string InsertSql = """
        INSERT INTO attachment (account_id, attachment_id, size, sha256, received, expires_at)
        VALUES (@AccountId, @AttachmentId, @Size, @Sha256, 0, @ExpiresAt)
        """;

    // A vault that nothing was written to has no row yet.
    private const string InsertVaultSql = """
        INSERT INTO vault (account_id, generation, key_epoch, head_seq, compacted_seq, chain_hash, items, bytes)
        VALUES (@AccountId, @Generation, @KeyEpoch, 0, 0, @ChainHash, 0, 0)
        ON CONFLICT (account_id) DO NOTHING
        """;

    private const string TakeQuotaSql = "UPDATE vault SET attachment_bytes = attachment_bytes + @Size WHERE account_id = @AccountId";

    private const string GiveBackSql = "UPDATE vault SET attachment_bytes = attachment_bytes - @Size WHERE account_id = @AccountId";

    private const string SaveReceivedSql = """
        UPDATE attachment SET received = @Received WHERE account_id = @AccountId AND attachment_id = @AttachmentId AND completed_at IS NULL
        """;

    private const string CompleteSql = """
        UPDATE attachment SET received = size, completed_at = @Now, expires_at = iif(expires_at IS NULL, NULL, @ExpiresAt)
        WHERE account_id = @AccountId AND attachment_id = @AttachmentId AND completed_at IS NULL
        """;

    // What an item names stays named; its file only has to be uploaded again.
    private const string LoseSql = """
        UPDATE attachment SET received = 0, completed_at = NULL, expires_at = iif(expires_at IS NULL, NULL, @ExpiresAt)
        WHERE account_id = @AccountId AND attachment_id = @AttachmentId AND completed_at IS NOT NULL
        """;

    private const string ExpiredSql = "SELECT account_id, attachment_id FROM attachment WHERE expires_at <= @Now ORDER BY expires_at LIMIT @Most";

    private const string DeleteSql = "DELETE FROM attachment WHERE account_id = @AccountId AND attachment_id = @AttachmentId";

    private const string HasContentSql = "SELECT 1 FROM attachment WHERE account_id = @AccountId AND sha256 = @Sha256 LIMIT 1";

    public bool IsLive(Caller caller) => database.ReadPrepared(reader => IsLive(reader.Statements, caller));

    public AttachmentRow? Find(Guid accountId, Guid attachmentId) => database.ReadPrepared(reader => Find(reader.Statements, accountId, attachmentId));

    public Task<BeginResult> BeginAsync(Caller caller, NewAttachment upload, CancellationToken cancellationToken) =>
        vaults.ChangeAsync(caller.AccountId, statements => Begin(statements, caller, upload), cancellationToken);

    public Task<bool> SaveReceivedAsync(Caller caller, Guid attachmentId, ulong received, CancellationToken cancellationToken) =>
        database.WriteAsync(
            _ => IsLive(database.WriterStatements, caller)
                && Find(database.WriterStatements, caller.AccountId, attachmentId) is { Complete: false }
                && Run(database.WriterStatements.Get(SaveReceivedSql).Bind(received).Bind(caller.AccountId).Bind(attachmentId)),
            cancellationToken);

    public Task<bool> CompleteAsync(Caller caller, Guid attachmentId, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
        database.WriteAsync(
            _ => IsLive(database.WriterStatements, caller)
                && Find(database.WriterStatements, caller.AccountId, attachmentId) is { Complete: false }
                && Run(database.WriterStatements.Get(CompleteSql).Bind(time.Now().ToStored()).Bind(expiresAt.ToStored()).Bind(caller.AccountId).Bind(attachmentId)),
            cancellationToken);

    public Task DropAsync(Guid accountId, Guid attachmentId, CancellationToken cancellationToken) =>
        vaults.ChangeAsync(accountId, statements => Drop(statements, accountId, attachmentId), cancellationToken);

    public Task LoseAsync(Guid accountId, Guid attachmentId, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
        database.WriteAsync(_ => database.WriterStatements.Get(LoseSql).Bind(expiresAt.ToStored()).Bind(accountId).Bind(attachmentId).Run(), cancellationToken);

    public IReadOnlyList<ExpiredAttachment> Expired(DateTimeOffset now, int most) => database.ReadPrepared(reader =>
    {
        var expired = new List<ExpiredAttachment>();
        var row = reader.Statements.Get(ExpiredSql).Bind(now.ToStored()).Bind((long)most);
        while (row.Step())
        {
            expired.Add(new ExpiredAttachment(Ids.FromBytes(row.Blob(0)), Ids.FromBytes(row.Blob(1))));
        }

        row.Reset();
        return expired;
    });

    public Task<RemovedAttachment?> RemoveExpiredAsync(Guid accountId, Guid attachmentId, DateTimeOffset now, CancellationToken cancellationToken) =>
        vaults.ChangeAsync(
            accountId,
            statements =>
            {
                // An item may have named it since it was found.
                if (Find(statements, accountId, attachmentId) is not { } row || !(row.ExpiresAt <= now))
                {
                    return null;
                }

                Delete(statements, accountId, row);
                return new RemovedAttachment(row.Sha256, HasContent(statements, accountId, row.Sha256));
            },
            cancellationToken);

    public bool HasContent(Guid accountId, ReadOnlySpan<byte> sha256)
    {
        var content = sha256.ToArray();
        return database.ReadPrepared(reader => HasContent(reader.Statements, accountId, content));
    }

    private BeginResult Begin(PreparedStatements statements, Caller caller, NewAttachment upload)
    {
        if (!IsLive(statements, caller))
        {
            return new BeginResult(BeginOutcome.SessionEnded, null, 0);
        }

        if (Find(statements, caller.AccountId, upload.AttachmentId) is { } former)
        {
            var same = former.Size == upload.Size && former.Sha256.AsSpan().SequenceEqual(upload.Sha256);
            return new BeginResult(same ? BeginOutcome.Ready : BeginOutcome.Mismatch, former, 0);
        }

        if (Count(statements, CountOpenSql, caller.AccountId) >= limits.AttachmentUploadsPerAccount)
        {
            return new BeginResult(BeginOutcome.TooManyOpen, null, 0);
        }

        var inUse = VaultQueries.State(statements, caller.AccountId).TotalBytes;
        if (inUse + upload.Size > limits.VaultBytes || Count(statements, CountSql, caller.AccountId) >= limits.AttachmentsPerAccount)
        {
            return new BeginResult(BeginOutcome.QuotaExceeded, null, inUse);
        }

        statements.Get(InsertVaultSql).Bind(caller.AccountId).Bind(VaultState.Empty.Generation).Bind((long)VaultState.Empty.KeyEpoch).Bind(VaultState.Empty.ChainHash).Run();
        statements.Get(TakeQuotaSql).Bind(upload.Size).Bind(caller.AccountId).Run();
        statements.Get(InsertSql).Bind(caller.AccountId).Bind(upload.AttachmentId).Bind(upload.Size).Bind(upload.Sha256).Bind(upload.ExpiresAt.ToStored()).Run();
        return new BeginResult(BeginOutcome.Ready, Find(statements, caller.AccountId, upload.AttachmentId), 0);
    }

    /// <summary>What an item names, because it was whole once, begins again.</summary>
    private static bool Drop(PreparedStatements statements, Guid accountId, Guid attachmentId) => Find(statements, accountId, attachmentId) switch
    {
        null or { Complete: true } => false,
        { ExpiresAt: null } => Run(statements.Get(SaveReceivedSql).Bind(0L).Bind(accountId).Bind(attachmentId)),
        var row => Delete(statements, accountId, row),
    };

    private static bool Delete(PreparedStatements statements, Guid accountId, AttachmentRow row)
    {
        statements.Get(DeleteSql).Bind(accountId).Bind(row.AttachmentId).Run();
        statements.Get(GiveBackSql).Bind(row.Size).Bind(accountId).Run();
        return true;
    }

    private static bool IsLive(PreparedStatements statements, Caller caller) =>
        VaultQueries.Session(statements, caller.AccountId, caller.SessionId, caller.DeviceId) is not null;

    private static bool HasContent(PreparedStatements statements, Guid accountId, byte[] sha256)
    {
        var row = statements.Get(HasContentSql).Bind(accountId).Bind(sha256);
        var found = row.Step();
        row.Reset();
        return found;
    }

    private static long Count(PreparedStatements statements, string sql, Guid accountId)
    {
        var row = statements.Get(sql).Bind(accountId);
        row.Step();
        var count = row.Int64(0);
        row.Reset();
        return count;
    }

    private static AttachmentRow? Find(PreparedStatements statements, Guid accountId, Guid attachmentId)
    {
        var row = statements.Get(FindSql).Bind(accountId).Bind(attachmentId);
        var found = row.Step()
            ? new AttachmentRow
            {
                AttachmentId = attachmentId,
                Size = row.UInt64(0),
                Sha256 = row.Blob(1).ToArray(),
                Received = row.UInt64(2),
                Complete = row.Int64(3) != 0,
                ExpiresAt = row.IsNull(4) ? null : row.Int64(4).ToTime(),
            }
            : null;
        row.Reset();
        return found;
    }

    private static bool Run(Statement statement)
    {
        statement.Run();
        return true;
    }
}
