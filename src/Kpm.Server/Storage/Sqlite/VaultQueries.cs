using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Queries of the vault's tables, for the writer and for readers: whoever calls brings the statements of their connection.</summary>
internal static class VaultQueries
{
    private const string StateSql = """
        SELECT generation, key_epoch, head_seq, compacted_seq, chain_hash, items, bytes, attachment_bytes
        FROM vault WHERE account_id = @AccountId
        """;

    public static VaultState State(PreparedStatements statements, Guid accountId)
    {
        var row = statements.Get(StateSql).Bind(accountId);
        var state = row.Step()
            ? new VaultState
            {
                Generation = row.UInt64(0),
                KeyEpoch = (uint)row.Int64(1),
                HeadSeq = row.UInt64(2),
                CompactedSeq = row.UInt64(3),
                ChainHash = row.Blob(4).ToArray(),
                Items = row.UInt64(5),
                Bytes = row.UInt64(6),
                AttachmentBytes = row.UInt64(7),
            }
            : VaultState.Empty;
        row.Reset();
        return state;
    }

    private const string NewestSql = """
        SELECT rev, kind FROM change
        WHERE account_id = @AccountId AND subject_id = @SubjectId
        ORDER BY rev DESC LIMIT 1
        """;

    /// <summary>The newest revision of a subject.</summary>
    public static SubjectState? Newest(PreparedStatements statements, Guid accountId, Guid subjectId)
    {
        var row = statements.Get(NewestSql).Bind(accountId).Bind(subjectId);
        SubjectState? state = row.Step() ? new SubjectState(row.UInt64(0), (OperationKind)row.Int64(1)) : null;
        row.Reset();
        return state;
    }

    private const string EnvelopeBytesSql = """
        SELECT length(envelope) FROM change
        WHERE account_id = @AccountId AND subject_id = @SubjectId AND rev = @Rev
        """;

    public static ulong EnvelopeBytes(PreparedStatements statements, Guid accountId, Guid subjectId, ulong rev)
    {
        var row = statements.Get(EnvelopeBytesSql).Bind(accountId).Bind(subjectId).Bind(rev);
        var bytes = row.Step() ? row.UInt64(0) : 0;
        row.Reset();
        return bytes;
    }

    private const string ChainHashSql = "SELECT chain_hash FROM change WHERE account_id = @AccountId AND seq = @Seq";

    public static byte[]? ChainHash(PreparedStatements statements, Guid accountId, ulong seq)
    {
        var row = statements.Get(ChainHashSql).Bind(accountId).Bind(seq);
        var hash = row.Step() ? row.Blob(0).ToArray() : null;
        row.Reset();
        return hash;
    }

    private const string ChangesSql = """
        SELECT seq, kind, subject_id, rev, header, signature, envelope, more_in_batch, committed_at FROM change
        WHERE account_id = @AccountId AND seq > @AfterSeq
        ORDER BY seq LIMIT @MaxEntries
        """;

    public static List<Change> Changes(PreparedStatements statements, Guid accountId, ulong afterSeq, int maxEntries, int maxBytes)
    {
        var changes = new List<Change>(Math.Min(maxEntries, 64));
        var bytes = 0;
        var row = statements.Get(ChangesSql).Bind(accountId).Bind(afterSeq).Bind((long)maxEntries);
        while (bytes < maxBytes && row.Step())
        {
            var change = ToChange(row);
            changes.Add(change);
            bytes += change.Header.Length + change.Signature.Length + change.Envelope.Length;
        }

        row.Reset();
        return changes;
    }

    private const string KeysetSql = """
        SELECT rev, header, signature, envelope, seq FROM change
        WHERE account_id = @AccountId AND subject_id = @VaultId
        ORDER BY rev DESC LIMIT 1
        """;

    public static Keyset? Keyset(PreparedStatements statements, Guid accountId)
    {
        var row = statements.Get(KeysetSql).Bind(accountId).Bind(accountId);
        var keyset = row.Step()
            ? new Keyset { Rev = row.UInt64(0), Header = Bytes(row, 1), Signature = Bytes(row, 2), Keyset_ = Bytes(row, 3), Seq = row.UInt64(4) }
            : null;
        row.Reset();
        return keyset;
    }

    private const string DeviceKeysSql = """
        SELECT c.subject_id, c.header, c.signature, c.envelope, c.seq, d.revoked_at IS NOT NULL
        FROM change c LEFT JOIN device d ON d.device_id = c.subject_id
        WHERE c.account_id = @AccountId AND c.kind = 3 AND c.seq > @AfterSeq
        ORDER BY c.seq LIMIT @MaxEntries
        """;

    public static List<DeviceKey> DeviceKeys(PreparedStatements statements, Guid accountId, ulong afterSeq, int maxEntries)
    {
        var keys = new List<DeviceKey>();
        var row = statements.Get(DeviceKeysSql).Bind(accountId).Bind(afterSeq).Bind((long)maxEntries);
        while (row.Step())
        {
            keys.Add(new DeviceKey
            {
                DeviceId = Ids.FromBytes(row.Blob(0)).ToWire(),
                Header = Bytes(row, 1),
                Signature = Bytes(row, 2),
                Entry = Bytes(row, 3),
                Seq = row.UInt64(4),
                Revoked = row.Int64(5) != 0,
            });
        }

        row.Reset();
        return keys;
    }

    private const string SessionSql = """
        SELECT keys_held_until FROM session
        WHERE session_id = @SessionId AND account_id = @AccountId AND device_id = @DeviceId AND ended_at IS NULL
        """;

    /// <summary>Null where the session has ended; revoking a device ends its sessions.</summary>
    public static LiveSession? Session(PreparedStatements statements, Guid accountId, Guid sessionId, Guid deviceId)
    {
        var row = statements.Get(SessionSql).Bind(sessionId).Bind(accountId).Bind(deviceId);
        LiveSession? session = row.Step() ? new LiveSession(HeldUntil(row, 0)) : null;
        row.Reset();
        return session;
    }

    private const string KeysHeldUntilSql = "SELECT keys_held_until FROM session WHERE session_id = @SessionId";

    /// <summary>Until when the wrapped keys are withheld from the session; a session that is gone gets them never.</summary>
    public static DateTimeOffset? KeysHeldUntil(PreparedStatements statements, Guid sessionId)
    {
        var row = statements.Get(KeysHeldUntilSql).Bind(sessionId);
        var until = row.Step() ? HeldUntil(row, 0) : DateTimeOffset.MaxValue;
        row.Reset();
        return until;
    }

    private const string ProgressSql = """
        SELECT device_id, acknowledged_seq, revocation_acknowledged_at FROM device_progress
        WHERE account_id = @AccountId
        """;

    public static Dictionary<Guid, DeviceActivity> Progress(PreparedStatements statements, Guid accountId)
    {
        var devices = new Dictionary<Guid, DeviceActivity>();
        var row = statements.Get(ProgressSql).Bind(accountId);
        while (row.Step())
        {
            devices.Add(Ids.FromBytes(row.Blob(0)), new DeviceActivity
            {
                Online = false,
                AcknowledgedSeq = row.UInt64(1),
                RevocationAcknowledgedAt = row.IsNull(2) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.Int64(2)),
            });
        }

        row.Reset();
        return devices;
    }

    private static DateTimeOffset? HeldUntil(Statement row, int column) =>
        row.IsNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.Int64(column));

    /// <summary>The columns of <see cref="ChangesSql"/>, in their order.</summary>
    public static Change ToChange(Statement row) => new()
    {
        Seq = row.UInt64(0),
        Kind = (OperationKind)row.Int64(1),
        SubjectId = Ids.FromBytes(row.Blob(2)).ToWire(),
        Rev = row.UInt64(3),
        Header = Bytes(row, 4),
        Signature = Bytes(row, 5),
        Envelope = Bytes(row, 6),
        Superseded = row.IsNull(6),
        MoreInBatch = row.Int64(7) != 0,
        CommittedAt = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(row.Int64(8))),
    };

    private static ByteString Bytes(Statement row, int column) => ByteString.CopyFrom(row.Blob(column));
}

/// <summary>A session that has not ended, and until when the wrapped keys are withheld from it.</summary>
internal readonly record struct LiveSession(DateTimeOffset? KeysHeldUntil)
{
    public bool HoldsKeys(DateTimeOffset now) => now < KeysHeldUntil;
}
