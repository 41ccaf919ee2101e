using Dapper;
using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Sync;

/// <summary>
/// A snapshot on its way: its rows are verified one by one and kept apart in the database, so that memory does not grow with
/// the vault, and take the copy's place in one transaction once the whole is verified.
/// </summary>
internal sealed class SnapshotStore(LocalStore store, DeviceIdentity device, LogVerifier verifier)
{
    private SnapshotVerifier? _running;
    private VerifiedRow? _last;
    private Change? _keyset;

    /// <summary>Begins; what came of an earlier snapshot is void.</summary>
    public void Begin(SnapshotBegin begin) => store.Write(connection =>
    {
        var vault = LocalStore.Vault(connection)!;
        (_running, _last, _keyset) = (new SnapshotVerifier(verifier, vault.Account, (ulong)vault.Generation, (uint)vault.LeastIterations, begin), null, null);
        return connection.Execute("DELETE FROM snapshot_row");
    });

    /// <summary>Verifies rows and keeps them apart.</summary>
    public void Add(IReadOnlyList<Change> rows) => store.Write(connection =>
    {
        foreach (var row in rows)
        {
            var verified = _running!.Add(row);
            LogVerifier.Require(LogStore.KnowsOperation(connection, device.Id, verified.Header, verified.HeaderHash), Kpm1Error.OwnOperationUnknown);
            Keep(connection, verified);
            _last = verified;
            _keyset = verified.Header.Kind == OperationKind.Keyset && !row.Superseded ? row : _keyset;
        }

        return rows.Count;
    });

    /// <summary>Verifies the whole and lets it take the copy's place.</summary>
    public List<SyncEvent> End() => store.Write(connection =>
    {
        var running = _running!;
        var keyset = running.Finish(Leaves(connection));
        RequireNoRollback(connection);

        // The newest entry of all is the newest of its subject, so it is among the rows.
        LogVerifier.Require(_last!.Row.Seq == running.Checkpoint.Seq, Kpm1Error.SeqGap);
        connection.Execute(
            """
            DELETE FROM subject;
            INSERT INTO subject(subject_id, kind, rev, seq, header, envelope) SELECT subject_id, kind, rev, seq, header, envelope FROM snapshot_row;
            DELETE FROM snapshot_row;
            INSERT INTO log(seq, header, signature, chain_hash) VALUES (@seq, @header, @signature, @chainHash);
            UPDATE vault SET seq = @seq, snapshot_seq = @seq, chain_hash = @chainHash, last_generation = @generation, key_epoch = @epoch,
                least_iterations = max(least_iterations, @iterations);
            """,
            new
            {
                seq = (long)running.Checkpoint.Seq,
                header = _last.Row.Header.ToByteArray(),
                signature = _last.Row.Signature.ToByteArray(),
                chainHash = running.Checkpoint.ChainHash.ToArray(),
                generation = (long)running.LastGeneration,
                epoch = (long)running.Checkpoint.KeyEpoch,
                iterations = (long)(keyset?.Iterations ?? 0),
            });
        if (_keyset is not null)
        {
            LogStore.SetKeyset(connection, _keyset);
        }

        ReplaceDirectory(connection, running);
        SettleOutbox(connection);
        _running = null;
        return new List<SyncEvent> { new SyncEvent.SnapshotTaken(running.Checkpoint.Seq, running.Checkpoint.Leaves) };
    });

    private static void Keep(SqliteConnection connection, VerifiedRow verified)
    {
        var added = connection.Execute(
            """
            INSERT INTO snapshot_row(subject_id, kind, rev, seq, header, header_hash, envelope) VALUES (@id, @kind, @rev, @seq, @header, @hash, @envelope)
            ON CONFLICT DO NOTHING
            """,
            new
            {
                id = verified.Header.Subject.ToBytes(),
                kind = (long)verified.Header.Kind,
                rev = (long)verified.Header.Rev,
                seq = (long)verified.Row.Seq,
                header = verified.Row.Header.ToByteArray(),
                hash = verified.HeaderHash,
                envelope = verified.Row.Superseded ? null : verified.Row.Envelope.ToByteArray(),
            });
        LogVerifier.Require(added == 1, Kpm1Error.CheckpointMismatch);
    }

    private static IEnumerable<SnapshotLeaf> Leaves(SqliteConnection connection) => connection
        .Query<LeafRow>("SELECT subject_id AS SubjectId, rev AS Rev, seq AS Seq, header_hash AS HeaderHash FROM snapshot_row ORDER BY subject_id", buffered: false)
        .Select(row => row.ToLeaf());

    private static void RequireNoRollback(SqliteConnection connection)
    {
        foreach (var known in LogStore.Leaves(connection))
        {
            var shown = connection.QuerySingleOrDefault<LeafRow>(
                "SELECT subject_id AS SubjectId, rev AS Rev, seq AS Seq, header_hash AS HeaderHash FROM snapshot_row WHERE subject_id = @id", new { id = known.Subject.ToBytes() });
            SnapshotVerifier.RequireNoRollback(known, shown?.ToLeaf());
        }
    }

    private static void ReplaceDirectory(SqliteConnection connection, SnapshotVerifier snapshot)
    {
        connection.Execute("DELETE FROM directory");
        foreach (var (id, known) in snapshot.Devices)
        {
            var entry = DirectoryEntry.Parse(LogStore.SubjectRow(connection, id)!.Envelope);
            connection.Execute(
                """
                INSERT INTO directory(device_id, enrolment, signing_key, last_op_seq, observed_seq, generation, revoked)
                VALUES (@id, @enrolment, @signingKey, @opSeq, @observed, @generation, @revoked)
                """,
                new
                {
                    id = id.ToBytes(),
                    enrolment = (long)entry.Enrolment,
                    signingKey = known.SigningKey.ToArray(),
                    opSeq = (long)known.LastOpSeq,
                    observed = (long)known.ObservedSeq,
                    generation = (long)known.Generation,
                    revoked = known.Revoked,
                });
        }
    }

    /// <summary>What this device had sent may be in the part of the log that it never saw.</summary>
    private static void SettleOutbox(SqliteConnection connection) => connection.Execute(
        """
        DELETE FROM outbox WHERE EXISTS (SELECT 1 FROM subject s WHERE s.subject_id = outbox.subject_id AND s.header = outbox.header);
        DELETE FROM outbox WHERE state = @applied AND EXISTS (SELECT 1 FROM subject s WHERE s.subject_id = outbox.subject_id AND s.rev > outbox.base_rev);
        UPDATE outbox SET state = @unsure WHERE state = @sent;
        """,
        new { applied = (long)OutboxState.Applied, unsure = (long)OutboxState.Unsure, sent = (long)OutboxState.Sent });

    private sealed record LeafRow
    {
        public required byte[] SubjectId { get; init; }

        public required long Rev { get; init; }

        public required long Seq { get; init; }

        public required byte[] HeaderHash { get; init; }

        public SnapshotLeaf ToLeaf() => new(new Guid(SubjectId, bigEndian: true), (ulong)Rev, (ulong)Seq, HeaderHash);
    }
}
