using Kpm.Server.Vaults;
using Kpm.Server.Vaults.Streams;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Vaults in SQLite: pushes go through the writer thread, reads run on the caller's.</summary>
internal sealed partial class SqliteVaultStore(SqliteDatabase database, VaultFeeds feeds, Limits limits, TimeProvider time) : IVaultStore
{
    private readonly SqliteVaultWriter _writer = new(database, limits, time);
    private readonly DurableStates _states = new();

    public void Push(VaultPush push) => database.Write(new PushUnit(push, this));

    public VaultState State(Guid accountId) => _states.Get(accountId, ReadState);

    public StreamStart Start(Guid accountId, Guid sessionId, Guid deviceId, ulong cursor) => database.ReadPrepared(reader =>
    {
        var session = VaultQueries.Session(reader.Statements, accountId, sessionId, deviceId);
        return new StreamStart
        {
            State = VaultQueries.State(reader.Statements, accountId),
            SessionLive = session is not null,
            KeysHeldUntil = session?.KeysHeldUntil,
            LastEventSeq = SqliteSecurityLog.LastSeq(reader.Connection, accountId),
            LastOpSeq = VaultResults.LastOpSeq(reader.Statements, accountId, deviceId),
            Checkpoint = SqliteCheckpointStore.Newest(reader.Statements, accountId),
            ChainHashAtCursor = cursor == 0 ? new byte[VaultState.HashLength] : VaultQueries.ChainHash(reader.Statements, accountId, cursor),
        };
    });

    public VaultWithKeyset Vault(Guid accountId, Guid sessionId) => database.ReadPrepared(reader =>
    {
        var heldUntil = VaultQueries.KeysHeldUntil(reader.Statements, sessionId);
        return time.GetUtcNow() < heldUntil
            ? new VaultWithKeyset(VaultQueries.State(reader.Statements, accountId), null, heldUntil)
            : new VaultWithKeyset(VaultQueries.State(reader.Statements, accountId), VaultQueries.Keyset(reader.Statements, accountId), null);
    });

    public IReadOnlyList<SecurityEvent> SecurityEvents(Guid accountId, ulong afterSeq, int most) =>
        database.Read(connection => SqliteSecurityLog.After(connection, accountId, afterSeq, most));

    public IReadOnlyList<Change> Changes(Guid accountId, ulong afterSeq, int maxEntries, int maxBytes) =>
        database.ReadPrepared(reader => VaultQueries.Changes(reader.Statements, accountId, afterSeq, maxEntries, maxBytes));

    public IReadOnlyList<DeviceKey> DeviceKeys(Guid accountId, ulong afterSeq, int maxEntries) =>
        database.ReadPrepared(reader => VaultQueries.DeviceKeys(reader.Statements, accountId, afterSeq, maxEntries));

    private const string SaveAcknowledgedSql = """
        INSERT INTO device_progress (account_id, device_id, acknowledged_seq) VALUES (@AccountId, @DeviceId, @Seq)
        ON CONFLICT (account_id, device_id) DO UPDATE SET acknowledged_seq = max(acknowledged_seq, excluded.acknowledged_seq)
        """;

    public Task SaveAcknowledgedAsync(Guid accountId, Guid deviceId, ulong seq, CancellationToken cancellationToken)
    {
        return database.WriteAsync(_ => database.WriterStatements.Get(SaveAcknowledgedSql).Bind(accountId).Bind(deviceId).Bind(seq).Run(), cancellationToken);
    }

    private const string SaveRevocationReceiptSql = """
        INSERT INTO device_progress (account_id, device_id, acknowledged_seq, revocation_acknowledged_at) VALUES (@AccountId, @DeviceId, 0, @Now)
        ON CONFLICT (account_id, device_id) DO UPDATE SET revocation_acknowledged_at = excluded.revocation_acknowledged_at
        """;

    public Task SaveRevocationReceiptAsync(Guid accountId, Guid deviceId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        return database.WriteAsync(_ => database.WriterStatements.Get(SaveRevocationReceiptSql).Bind(accountId).Bind(deviceId).Bind(now).Run(), cancellationToken);
    }

    public IReadOnlyDictionary<Guid, DeviceActivity> Progress(Guid accountId) =>
        database.ReadPrepared(reader => VaultQueries.Progress(reader.Statements, accountId));

    /// <summary>One Push as a unit of the writer.</summary>
    private sealed class PushUnit(VaultPush push, SqliteVaultStore store) : WriteUnit
    {
        private PushDecision? _decision;
        private Outcome[]? _held;
        private long _committedAt;

        public override void Execute(SqliteConnection connection)
        {
            if (push.Abandoned)
            {
                throw new StorageUnavailableException();
            }

            var session = VaultQueries.Session(store.Database.WriterStatements, push.AccountId, push.SessionId, push.DeviceId) ?? throw new SessionEndedException();
            if (session.HoldsKeys(store.Time.GetUtcNow()))
            {
                // Nothing is stored, so that the same operations can come again when the hold is over.
                _held = [.. push.Operations.Select(_ => Outcome.Rejected(RejectionReason.KeysHeld))];
                return;
            }

            _decision = store._writer.Execute(push, out _committedAt);
        }

        public override void RolledBack()
        {
            store._writer.Forget(push.AccountId);
            push.RolledBack();
        }

        public override void Succeeded()
        {
            if (_held is not null)
            {
                push.Completed(_held);
                return;
            }

            // The author is woken last and once, when its result and its own change are both there: one write, not two.
            var decision = _decision!;
            if (decision.Entries.Count > 0)
            {
                store._states.Publish(push.AccountId, decision.State);
                store.Feeds.Publish(push.AccountId, decision.Entries, _committedAt, push.Stream);
            }

            push.Completed(decision.Outcomes);
        }

        public override void Failed(Exception reason) => push.Refused(reason);
    }

    private VaultState ReadState(Guid accountId) => database.ReadPrepared(reader => VaultQueries.State(reader.Statements, accountId));

    private SqliteDatabase Database => database;

    private VaultFeeds Feeds => feeds;

    private TimeProvider Time => time;
}
