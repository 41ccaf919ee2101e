using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// What a change of the log means for the trash and for attachments, written in the same transaction. An ordinary PUT
/// costs nothing here. On the writer thread, on its statements.
/// </summary>
internal static class RetentionRows
{
    private const string InsertTrashSql = """
        INSERT INTO trash (account_id, item_id, rev, seq, deleted_at) VALUES (@AccountId, @ItemId, @Rev, @Seq, @DeletedAt)
        """;

    private const string DeleteTrashSql = "DELETE FROM trash WHERE account_id = @AccountId AND item_id = @ItemId";

    private const string InsertRefSql = """
        INSERT INTO attachment_ref (account_id, attachment_id, subject_id, rev) VALUES (@AccountId, @AttachmentId, @SubjectId, @Rev)
        """;

    private const string KeepSql = "UPDATE attachment SET expires_at = NULL WHERE account_id = @AccountId AND attachment_id = @AttachmentId";

    private const string IsCompleteSql = """
        SELECT 1 FROM attachment WHERE account_id = @AccountId AND attachment_id = @AttachmentId AND completed_at IS NOT NULL
        """;

    // What no other revision names can go, after a while.
    private const string ReleaseSql = """
        UPDATE attachment SET expires_at = @ExpiresAt
        WHERE account_id = @AccountId
          AND attachment_id IN (
            SELECT r.attachment_id FROM attachment_ref r
            WHERE r.account_id = @AccountId AND r.subject_id = @SubjectId AND r.rev BETWEEN @First AND @Last)
          AND NOT EXISTS (
            SELECT 1 FROM attachment_ref o
            WHERE o.account_id = @AccountId AND o.attachment_id = attachment.attachment_id
              AND (o.subject_id <> @SubjectId OR o.rev NOT BETWEEN @First AND @Last))
        """;

    private const string DeleteRefsSql = """
        DELETE FROM attachment_ref WHERE account_id = @AccountId AND subject_id = @SubjectId AND rev BETWEEN @First AND @Last
        """;

    /// <summary>An entry of the log was written.</summary>
    public static void Written(PreparedStatements statements, Guid accountId, LogEntry entry, long committedAt)
    {
        var operation = entry.Operation;
        foreach (var attachment in operation.Attachments)
        {
            statements.Get(InsertRefSql).Bind(accountId).Bind(attachment).Bind(operation.SubjectId).Bind(entry.Rev).Run();
            statements.Get(KeepSql).Bind(accountId).Bind(attachment).Run();
        }

        if (operation.Kind == OperationKind.Delete)
        {
            statements.Get(InsertTrashSql).Bind(accountId).Bind(operation.SubjectId).Bind(entry.Rev).Bind(entry.Seq).Bind(committedAt).Run();
        }
        else if (entry.Restores)
        {
            RemoveFromTrash(statements, accountId, operation.SubjectId);
        }
    }

    /// <summary>The envelopes of a subject's revisions from the first to the last are no longer kept, so they keep no attachment either.</summary>
    public static void Unkept(PreparedStatements statements, Guid accountId, Guid subjectId, ulong first, ulong last, DateTimeOffset expiresAt)
    {
        statements.Get(ReleaseSql).Bind(expiresAt.ToStored()).Bind(accountId).Bind(subjectId).Bind(first).Bind(last).Run();
        statements.Get(DeleteRefsSql).Bind(accountId).Bind(subjectId).Bind(first).Bind(last).Run();
    }

    public static void RemoveFromTrash(PreparedStatements statements, Guid accountId, Guid itemId) =>
        statements.Get(DeleteTrashSql).Bind(accountId).Bind(itemId).Run();

    public static bool IsComplete(PreparedStatements statements, Guid accountId, Guid attachmentId)
    {
        var row = statements.Get(IsCompleteSql).Bind(accountId).Bind(attachmentId);
        var complete = row.Step();
        row.Reset();
        return complete;
    }
}
