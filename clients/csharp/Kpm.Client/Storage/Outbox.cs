using Dapper;
using Kpm.Client.Kpm1;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Storage;

/// <summary>
/// The queue of this device's operations, in op_seq order. Header, envelope and signature are stored
/// before the first send, so that a repetition sends the same bytes.
/// </summary>
internal static class Outbox
{
    private const string Columns =
        """
        op_seq AS OpSeq, op_id AS OpId, kind AS Kind, subject_id AS SubjectId, base_rev AS BaseRev, header AS Header, signature AS Signature,
        envelope AS Envelope, base_header AS BaseHeader, base_envelope AS BaseEnvelope, state AS State, refusal AS Refusal
        """;

    public static List<OutboxRow> All(SqliteConnection connection) =>
        connection.Query<OutboxRow>($"SELECT {Columns} FROM outbox ORDER BY op_seq").AsList();

    public static List<OutboxRow> Of(SqliteConnection connection, Guid subject) => connection.Query<OutboxRow>(
        $"SELECT {Columns} FROM outbox WHERE subject_id = @id ORDER BY op_seq", new { id = subject.ToBytes() }).AsList();

    public static OutboxRow? Find(SqliteConnection connection, ulong opSeq) => connection.QuerySingleOrDefault<OutboxRow>(
        $"SELECT {Columns} FROM outbox WHERE op_seq = @opSeq", new { opSeq = (long)opSeq });

    /// <summary>The device's next operation number; consumed when the transaction commits.</summary>
    public static ulong NextOpSeq(SqliteConnection connection) =>
        (ulong)connection.ExecuteScalar<long>("UPDATE vault SET last_op_seq = last_op_seq + 1 RETURNING last_op_seq");

    public static void Add(SqliteConnection connection, SignedOperation operation, OutboxState state)
    {
        var header = operation.Header;
        connection.Execute(
            """
            INSERT INTO outbox(op_seq, op_id, kind, subject_id, base_rev, header, signature, envelope, base_header, base_envelope, state)
            VALUES (@opSeq, @opId, @kind, @subject, @baseRev, @header, @signature, @envelope, @baseHeader, @baseEnvelope, @state)
            """,
            new
            {
                opSeq = (long)header.OpSeq,
                opId = header.OpId.ToBytes(),
                kind = (long)header.Kind,
                subject = header.Subject.ToBytes(),
                baseRev = (long)header.BaseRev,
                header = operation.HeaderBytes,
                signature = operation.Signature,
                envelope = operation.Envelope,
                baseHeader = operation.Base?.Header,
                baseEnvelope = operation.Base?.Envelope,
                state = (long)state,
            });
        connection.Execute(
            "INSERT INTO made(device_id, op_seq, header_hash) VALUES (@device, @opSeq, @hash)",
            new { device = header.Device.ToBytes(), opSeq = (long)header.OpSeq, hash = System.Security.Cryptography.SHA256.HashData(operation.HeaderBytes) });
    }

    public static void SetState(SqliteConnection connection, long opSeq, OutboxState state, string? refusal = null) => connection.Execute(
        "UPDATE outbox SET state = @state, refusal = @refusal WHERE op_seq = @opSeq", new { opSeq, state = (long)state, refusal });

    public static void Remove(SqliteConnection connection, long opSeq) => connection.Execute("DELETE FROM outbox WHERE op_seq = @opSeq", new { opSeq });

    public static Operation ToMessage(OutboxRow row) => new()
    {
        OpSeq = (ulong)row.OpSeq,
        OpId = new Guid(row.OpId, bigEndian: true).ToText(),
        SubjectId = row.Subject.ToText(),
        BaseRev = (ulong)row.BaseRev,
        Kind = (OperationKind)row.Kind,
        Header = Google.Protobuf.ByteString.CopyFrom(row.Header),
        Signature = Google.Protobuf.ByteString.CopyFrom(row.Signature),
        Envelope = Google.Protobuf.ByteString.CopyFrom(row.Envelope),
    };
}

/// <summary>A revision as it stands in the log: what an edit is based on.</summary>
internal sealed record LogRevision(byte[] Header, byte[]? Envelope);

/// <summary>An operation that this device made.</summary>
internal sealed record SignedOperation(OperationHeader Header, byte[] HeaderBytes, byte[] Signature, byte[] Envelope, LogRevision? Base);
