using Dapper;
using Kpm.Client.Items;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Sync;

/// <summary>
/// After a restored backup, and only with the person's consent: the copy is laid aside, the server's log is taken from its
/// beginning, and what the server has lost is sent again, as new operations with numbers that were never used.
/// </summary>
internal sealed class Restorer(LocalStore store, OperationMaker maker, VaultKeys keys, TimeProvider time)
{
    private const string OldColumns = "subject_id AS SubjectId, kind AS Kind, rev AS Rev, seq AS Seq, header AS Header, envelope AS Envelope";

    /// <summary>Lays the copy aside, with this device's edits that were not sent, and begins anew.</summary>
    public void Begin(ulong generation) => store.Write(connection =>
    {
        // Where an earlier restore did not come to its end, the copy that was laid aside then is the one that counts.
        if (!LocalStore.Vault(connection)!.Restoring)
        {
            connection.Execute(
                """
                INSERT OR REPLACE INTO old_subject(subject_id, kind, rev, seq, header, envelope) SELECT subject_id, kind, rev, seq, header, envelope FROM subject;
                INSERT OR IGNORE INTO old_log(header) SELECT header FROM log;
                INSERT OR IGNORE INTO old_log(header) SELECT header FROM subject;
                """);
        }

        foreach (var row in Outbox.All(connection))
        {
            if (row.Kind is (long)OperationKind.Put or (long)OperationKind.Delete)
            {
                // What the person sees is the item with the edit.
                connection.Execute(
                    """
                    INSERT INTO old_subject(subject_id, kind, rev, seq, header, envelope) VALUES (@SubjectId, @Kind, @BaseRev + 1, 0, @Header, @Envelope)
                    ON CONFLICT (subject_id) DO UPDATE SET kind = excluded.kind, rev = excluded.rev, seq = 0, header = excluded.header, envelope = excluded.envelope
                    """,
                    row);
            }
        }

        return connection.Execute(
            """
            DELETE FROM outbox; DELETE FROM subject; DELETE FROM log; DELETE FROM directory; DELETE FROM snapshot_row;
            UPDATE vault SET seq = 0, chain_hash = zeroblob(32), generation = @generation, last_generation = 0, key_epoch = 1, snapshot_seq = 0,
                least_iterations = 0, restoring = 1;
            """,
            new { generation = (long)generation });
    });

    /// <summary>Queues the keys that the server has lost: a main password that was changed, or an epoch with its revocations.</summary>
    public List<SyncEvent> ReturnKeys() => store.Write(connection =>
    {
        var vault = LocalStore.Vault(connection)!;
        var events = new List<SyncEvent>();
        var current = LogStore.SubjectRow(connection, vault.Account);
        if (current is null || Old(connection, vault.Account) is not { Envelope: { } bytes } old || !WasSeenBefore(connection, current.Header) || old.Header.AsSpan().SequenceEqual(current.Header))
        {
            return events;
        }

        var keyset = KeysetEnvelope.Parse(bytes);

        // An epoch can be begun again with the same keys, so that whoever has them goes on. Of two that were lost the keys of the first are not known any more.
        var epoch = (uint)vault.KeyEpoch;
        if (keyset.KeyEpoch != keys.Epoch || keyset.KeyEpoch > epoch + 1)
        {
            events.Add(new SyncEvent.Refused(vault.Account, Kpm1Exception.NameOf(Kpm1Error.KeyEpochUnknown)));
            return events;
        }

        var devices = LogStore.Devices(connection).Where(row => !row.Revoked).Select(row => row.Id).ToHashSet();
        foreach (var revocation in OldRows(connection, OperationKind.DeviceRevocation).Where(row => LogStore.SubjectRow(connection, row.Id) is null))
        {
            var revoked = DeviceRevocation.Parse(revocation.Envelope).Device;
            if (devices.Remove(revoked))
            {
                Outbox.Add(connection, maker.Revocation(connection, revoked), OutboxState.Setup);
            }
        }

        Outbox.Add(connection, maker.Keyset(connection, vault.Account, (ulong)current.Rev, keyset.AtRev((ulong)current.Rev + 1, keys.Account)), OutboxState.Setup);
        events.Add(new SyncEvent.Returned(vault.Account));
        return events;
    });

    /// <summary>Queues the items that the server has lost.</summary>
    public List<SyncEvent> ReturnItems() => store.Write(connection =>
    {
        var events = new List<SyncEvent>();
        foreach (var old in OldRows(connection, OperationKind.Put).Concat(OldRows(connection, OperationKind.Delete)))
        {
            try
            {
                if (!IsInLog(connection, old) && Return(connection, old))
                {
                    events.Add(new SyncEvent.Returned(old.Id));
                }
            }
            catch (Kpm1Exception unreadable)
            {
                // What can't be read must not be rewritten. Its row stays for a newer program.
                events.Add(new SyncEvent.Refused(old.Id, Kpm1Exception.NameOf(unreadable.Error)));
                continue;
            }

            connection.Execute("DELETE FROM old_subject WHERE subject_id = @SubjectId", old);
        }

        return events;
    });

    /// <summary>All that was lost is in the log again, or in the queue.</summary>
    public void End() => store.Write(connection => connection.Execute(
        """
        DELETE FROM old_subject WHERE kind NOT IN (@put, @delete);
        DELETE FROM old_log;
        UPDATE vault SET restoring = 0;
        """,
        new { put = (long)OperationKind.Put, delete = (long)OperationKind.Delete }));

    /// <summary>What was laid aside of items; empty but for what can't be read when no restore is under way.</summary>
    public static IEnumerable<SubjectRow> OldItems(SqliteConnection connection) => OldRows(connection, OperationKind.Put);

    public static SubjectRow? Old(SqliteConnection connection, Guid subject) =>
        connection.QuerySingleOrDefault<SubjectRow>($"SELECT {OldColumns} FROM old_subject WHERE subject_id = @id", new { id = subject.ToBytes() });

    private static List<SubjectRow> OldRows(SqliteConnection connection, OperationKind kind) =>
        connection.Query<SubjectRow>($"SELECT {OldColumns} FROM old_subject WHERE kind = @kind ORDER BY seq", new { kind = (long)kind }).AsList();

    /// <summary>The server has it still, perhaps with later revisions on top.</summary>
    private static bool IsInLog(SqliteConnection connection, SubjectRow old) => old.Seq > 0
        ? connection.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM log WHERE seq = @Seq AND header = @Header)", old)
        : connection.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM log WHERE header = @Header)", old);

    /// <summary>The revision is one of those that this device had seen: what it has itself came later.</summary>
    private static bool WasSeenBefore(SqliteConnection connection, byte[] header) =>
        connection.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM old_log WHERE header = @header)", new { header });

    private bool Return(SqliteConnection connection, SubjectRow old)
    {
        var current = LogStore.SubjectRow(connection, old.Id);
        if (current is not null && current.Header.AsSpan().SequenceEqual(old.Header))
        {
            return false;
        }

        var isNewer = current is not null && !WasSeenBefore(connection, current.Header);
        var isDeleted = current is null || current.Kind == (long)OperationKind.Delete;
        var (rev, basedOn) = ((ulong)(current?.Rev ?? 0), current is null ? null : new LogRevision(current.Header, current.Envelope));
        if (old.Kind == (long)OperationKind.Delete)
        {
            // An edit beats a delete.
            if (isDeleted || isNewer)
            {
                return false;
            }

            Outbox.Add(connection, maker.Delete(connection, old.Id, rev, basedOn), OutboxState.Queued);
            return true;
        }

        var mine = Open(old);
        if (!isDeleted && isNewer)
        {
            // Another device has written since: no common revision is at hand, so both sides' values are kept.
            var theirs = Open(current!);
            mine = ItemMerge.Merge(new Item(), theirs, mine, OperationHeader.Parse(current!.Header).Device, time.GetUtcNow()).Merged;
            if (mine.Equals(theirs))
            {
                return false;
            }
        }

        Outbox.Add(connection, maker.Put(connection, old.Id, mine, rev, basedOn), OutboxState.Queued);
        return true;
    }

    private Item Open(SubjectRow row) =>
        ItemEnvelope.Open(row.Envelope ?? throw new Kpm1Exception(Kpm1Error.EnvelopeWithheld), OperationHeader.Parse(row.Header), keys);
}
