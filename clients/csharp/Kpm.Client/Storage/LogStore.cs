using Dapper;
using Kpm.Client.Kpm1;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Storage;

/// <summary>The verified copy of the log inside a transaction: what the verifier asks, and what is added.</summary>
internal sealed class LogStore(SqliteConnection connection, VaultRow vault, Guid ownDevice) : ILogView
{
    private const string SubjectColumns = "subject_id AS SubjectId, kind AS Kind, rev AS Rev, seq AS Seq, header AS Header, envelope AS Envelope";

    public Guid Account { get; } = vault.Account;

    public ulong Seq { get; private set; } = (ulong)vault.Seq;

    public ulong SnapshotSeq { get; } = (ulong)vault.SnapshotSeq;

    public ReadOnlyMemory<byte> ChainHash { get; private set; } = vault.ChainHash;

    public ulong LastGeneration { get; private set; } = (ulong)vault.LastGeneration;

    public ulong Generation { get; } = (ulong)vault.Generation;

    public uint KeyEpoch { get; private set; } = (uint)vault.KeyEpoch;

    public uint LeastIterations { get; private set; } = (uint)vault.LeastIterations;

    public static SubjectRow? SubjectRow(SqliteConnection connection, Guid subject) => connection.QuerySingleOrDefault<SubjectRow>(
        $"SELECT {SubjectColumns} FROM subject WHERE subject_id = @id", new { id = subject.ToBytes() });

    public static List<SubjectRow> Items(SqliteConnection connection) => connection.Query<SubjectRow>(
        $"SELECT {SubjectColumns} FROM subject WHERE kind = @put", new { put = (long)OperationKind.Put }).AsList();

    public static List<DirectoryRow> Devices(SqliteConnection connection) => connection.Query<DirectoryRow>(
        "SELECT device_id AS DeviceId, enrolment AS Enrolment, signing_key AS SigningKey, last_op_seq AS LastOpSeq, observed_seq AS ObservedSeq, generation AS Generation, revoked AS Revoked FROM directory").AsList();

    /// <summary>The newest revision of every subject, in the order of a checkpoint's tree.</summary>
    public static IEnumerable<SnapshotLeaf> Leaves(SqliteConnection connection) => connection
        .Query<SubjectRow>($"SELECT subject_id AS SubjectId, kind AS Kind, rev AS Rev, seq AS Seq, header AS Header FROM subject ORDER BY subject_id", buffered: false)
        .Select(row => new SnapshotLeaf(row.Id, (ulong)row.Rev, (ulong)row.Seq, System.Security.Cryptography.SHA256.HashData(row.Header)));

    /// <summary>The header of an entry; null where this device never saw it.</summary>
    public static byte[]? HeaderAt(SqliteConnection connection, ulong seq) =>
        connection.ExecuteScalar<byte[]?>("SELECT header FROM log WHERE seq = @seq", new { seq = (long)seq });

    /// <summary>True when a revision that the server called superseded was not followed by its successor.</summary>
    public static bool HasWithheld(SqliteConnection connection) => connection.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM subject WHERE envelope IS NULL)");

    public ReadOnlyMemory<byte>? ChainHashAt(ulong seq) =>
        connection.QuerySingleOrDefault<byte[]?>("SELECT chain_hash FROM log WHERE seq = @seq", new { seq = (long)seq }) is { } hash ? hash : null;

    public KnownSubject? Subject(Guid subject)
    {
        var row = SubjectRow(connection, subject);
        return row is null ? null : new KnownSubject((OperationKind)row.Kind, (ulong)row.Rev);
    }

    public KnownDevice? Device(Guid device) => connection.QuerySingleOrDefault<DirectoryRow>(
        "SELECT device_id AS DeviceId, enrolment AS Enrolment, signing_key AS SigningKey, last_op_seq AS LastOpSeq, observed_seq AS ObservedSeq, generation AS Generation, revoked AS Revoked FROM directory WHERE device_id = @id",
        new { id = device.ToBytes() })?.ToKnown();

    public bool KnowsOperation(OperationHeader header, ReadOnlySpan<byte> headerHash)
    {
        return KnowsOperation(connection, ownDevice, header, headerHash);
    }

    public static bool KnowsOperation(SqliteConnection connection, Guid ownDevice, OperationHeader header, ReadOnlySpan<byte> headerHash)
    {
        if (header.Device != ownDevice)
        {
            return true;
        }

        var made = connection.QuerySingleOrDefault<byte[]>(
            "SELECT header_hash FROM made WHERE device_id = @id AND op_seq = @opSeq", new { id = ownDevice.ToBytes(), opSeq = (long)header.OpSeq });
        return made is not null && headerHash.SequenceEqual(made);
    }

    /// <summary>Adds a verified entry, with the chain hash, in the caller's transaction.</summary>
    public void Add(VerifiedChange verified)
    {
        var (change, header) = (verified.Change, verified.Header);
        connection.Execute(
            "INSERT INTO log(seq, header, signature, chain_hash) VALUES (@seq, @header, @signature, @chainHash)",
            new { seq = (long)change.Seq, header = change.Header.ToByteArray(), signature = change.Signature.ToByteArray(), chainHash = verified.ChainHash });
        connection.Execute(
            """
            INSERT INTO subject(subject_id, kind, rev, seq, header, envelope) VALUES (@id, @kind, @rev, @seq, @header, @envelope)
            ON CONFLICT (subject_id) DO UPDATE SET kind = @kind, rev = @rev, seq = @seq, header = @header, envelope = @envelope
            """,
            new
            {
                id = header.Subject.ToBytes(),
                kind = (long)header.Kind,
                rev = (long)header.Rev,
                seq = (long)change.Seq,
                header = change.Header.ToByteArray(),
                envelope = change.Superseded ? null : change.Envelope.ToByteArray(),
            });
        AddAuthor(verified);
        connection.Execute(
            "DELETE FROM outbox WHERE op_seq = @opSeq AND header = @header",
            new { opSeq = (long)header.OpSeq, header = change.Header.ToByteArray() });
        (Seq, ChainHash, LastGeneration, KeyEpoch) = (change.Seq, verified.ChainHash, header.Generation, header.KeyEpoch);
        LeastIterations = Math.Max(LeastIterations, verified.Keyset?.Iterations ?? 0);
        connection.Execute(
            "UPDATE vault SET seq = @seq, chain_hash = @chainHash, last_generation = @generation, key_epoch = @epoch, least_iterations = @least",
            new { seq = (long)Seq, chainHash = verified.ChainHash, generation = (long)LastGeneration, epoch = (long)KeyEpoch, least = (long)LeastIterations });
        if (verified.Keyset is not null)
        {
            SetKeyset(connection, change);
        }
    }

    /// <summary>What opens the vault from now on. After a restored backup the log can bring an epoch that this device has left behind: then what opens the later one stays.</summary>
    public static void SetKeyset(SqliteConnection connection, Change change)
    {
        if (LocalStore.Vault(connection)!.Keyset is { } known && KeysetEnvelope.Parse(known).KeyEpoch > OperationHeader.Parse(change.Header.Span).KeyEpoch)
        {
            return;
        }

        connection.Execute(
            "UPDATE vault SET keyset = @keyset, keyset_header = @header",
            new { keyset = change.Envelope.ToByteArray(), header = change.Header.ToByteArray() });
    }

    private void AddAuthor(VerifiedChange verified)
    {
        var header = verified.Header;
        if (verified.Device is { } entry)
        {
            connection.Execute(
                "INSERT INTO directory(device_id, enrolment, signing_key, last_op_seq, observed_seq, generation) VALUES (@id, @enrolment, @signingKey, 0, 0, 0)",
                new { id = entry.Device.ToBytes(), enrolment = (long)entry.Enrolment, signingKey = entry.SigningKey.ToArray() });
        }

        connection.Execute(
            "UPDATE directory SET last_op_seq = @opSeq, observed_seq = @observed, generation = @generation WHERE device_id = @id",
            new { id = header.Device.ToBytes(), opSeq = (long)header.OpSeq, observed = (long)header.ObservedSeq, generation = (long)header.Generation });
        if (verified.Revocation is { } revocation)
        {
            connection.Execute("UPDATE directory SET revoked = 1 WHERE device_id = @id", new { id = revocation.Device.ToBytes() });
        }
    }
}
