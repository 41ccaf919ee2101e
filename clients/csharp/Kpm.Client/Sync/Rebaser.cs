using Kpm.Client.Items;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Sync;

/// <summary>
/// Puts queued edits on top of what other devices have committed since, inside the caller's
/// transaction. A rebased operation is a new one: number, id, header, envelope, signature.
/// </summary>
internal sealed class Rebaser(OperationMaker maker, VaultKeys keys, Guid ownDevice, TimeProvider time)
{
    /// <summary>Rebases what can be rebased now.</summary>
    /// <param name="connection">The transaction.</param>
    /// <param name="atBookmark">The log is complete: an operation of a replaced identity that is not in it never will be.</param>
    public List<SyncEvent> Run(SqliteConnection connection, bool atBookmark)
    {
        var events = new List<SyncEvent>();
        var vault = LocalStore.Vault(connection)!;
        var all = Outbox.All(connection);

        // The device's entry is sent first. What was made before it has a lower number, which could not come after it.
        var enrolment = all.Find(row => row.Kind == (long)OperationKind.DeviceKey && row.Subject == ownDevice)?.OpSeq ?? 0;
        foreach (var rows in all.GroupBy(row => row.Subject).Select(group => group.ToList()))
        {
            var foreign = rows.Exists(row => row.OpSeq < enrolment || OperationHeader.Parse(row.Header).Device != ownDevice);
            if (rows[0].Kind is not ((long)OperationKind.Put or (long)OperationKind.Delete))
            {
                if (foreign && atBookmark)
                {
                    RemoveAll(connection, rows);
                }

                continue;
            }

            var subject = LogStore.SubjectRow(connection, rows[0].Subject);
            var moved = (subject?.Rev ?? 0) > rows[0].BaseRev;

            // A result that is still on its way can only be CONFLICT: the change that moved the item was not ours. The same holds of
            // new keys: what was applied before them is in the log by now. Only what a snapshot may have swallowed must be known first.
            var outdated = moved || IsStale(rows[0], vault);
            if (foreign ? atBookmark : outdated && rows[^1].Standing != OutboxState.Refused && rows[0].Standing != OutboxState.Unsure)
            {
                Rebase(connection, rows, subject, events);
            }
        }

        return events;
    }

    /// <summary>Made for other keys or another generation than the vault has: the server refuses it.</summary>
    public static bool IsStale(OutboxRow row, VaultRow vault)
    {
        var header = OperationHeader.Parse(row.Header);
        return header.KeyEpoch != (uint)vault.KeyEpoch || header.Generation != (ulong)vault.Generation;
    }

    private void Rebase(SqliteConnection connection, List<OutboxRow> rows, SubjectRow? subject, List<SyncEvent> events)
    {
        var (first, last) = (rows[0], rows[^1]);
        var item = first.Subject;
        var theirsDeleted = subject is null || subject.Kind == (long)OperationKind.Delete;
        if (subject is { Envelope: null })
        {
            // Its successor is on the way.
            return;
        }

        var current = subject is null ? null : new LogRevision(subject.Header, subject.Envelope);
        var rev = (ulong)(subject?.Rev ?? 0);
        if (last.Kind == (long)OperationKind.Delete)
        {
            RemoveAll(connection, rows);
            if (!theirsDeleted && rev == (ulong)first.BaseRev)
            {
                Outbox.Add(connection, maker.Delete(connection, item, rev, current), OutboxState.Queued);
            }
            else if (!theirsDeleted)
            {
                events.Add(new SyncEvent.DeletionDropped(item));
            }

            return;
        }

        var mine = Open(last.Header, last.Envelope);
        if (theirsDeleted)
        {
            RemoveAll(connection, rows);
            Outbox.Add(connection, maker.Put(connection, item, mine, rev, current), OutboxState.Queued);
            if (subject is not null)
            {
                events.Add(new SyncEvent.Restored(item));
            }

            return;
        }

        MergeOnto(connection, rows, subject!, mine, events);
    }

    private void MergeOnto(SqliteConnection connection, List<OutboxRow> rows, SubjectRow subject, Item mine, List<SyncEvent> events)
    {
        Item theirs;
        try
        {
            theirs = Open(subject.Header, subject.Envelope!);
        }
        catch (Kpm1Exception unknown) when (unknown.Error is Kpm1Error.SchemaUnknown or Kpm1Error.SuiteUnknown or Kpm1Error.KeyEpochUnknown)
        {
            // What can't be read must not be rewritten; the edit waits for a newer program.
            Refuse(connection, rows, subject, unknown.Error, events);
            return;
        }

        var first = rows[0];
        var basedOn = first is { BaseHeader: not null, BaseEnvelope: { Length: > 0 } } ? Open(first.BaseHeader, first.BaseEnvelope) : new Item();
        var theirDevice = OperationHeader.Parse(subject.Header).Device;
        var (merged, newlyKept) = ItemMerge.Merge(basedOn, theirs, mine, theirDevice, time.GetUtcNow());
        if (!merged.Equals(theirs))
        {
            SignedOperation made;
            try
            {
                made = maker.Put(connection, subject.Id, merged, (ulong)subject.Rev, new LogRevision(subject.Header, subject.Envelope));
            }
            catch (Kpm1Exception tooLarge) when (tooLarge.Error == Kpm1Error.ItemTooLarge)
            {
                // Both sides together do not fit: the person must take something out. Synchronising goes on.
                Refuse(connection, rows, subject, tooLarge.Error, events);
                return;
            }

            RemoveAll(connection, rows);
            Outbox.Add(connection, made, OutboxState.Queued);
        }
        else
        {
            RemoveAll(connection, rows);
        }

        if (subject.Rev != first.BaseRev)
        {
            events.Add(new SyncEvent.Merged(subject.Id, newlyKept));
        }
    }

    private static void Refuse(SqliteConnection connection, List<OutboxRow> rows, SubjectRow subject, Kpm1Error error, List<SyncEvent> events)
    {
        var reason = Kpm1Exception.NameOf(error);
        RemoveAll(connection, rows[..^1]);
        Outbox.SetState(connection, rows[^1].OpSeq, OutboxState.Refused, reason);
        events.Add(new SyncEvent.Refused(subject.Id, reason));
    }

    private Item Open(byte[] header, byte[] envelope) => ItemEnvelope.Open(envelope, OperationHeader.Parse(header), keys);

    private static void RemoveAll(SqliteConnection connection, List<OutboxRow> rows)
    {
        foreach (var row in rows)
        {
            Outbox.Remove(connection, row.OpSeq);
        }
    }
}
