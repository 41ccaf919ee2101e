using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// The writing half of the vault store: one Push inside the writer's transaction. Everything here runs on the writer
/// thread. States of vaults and devices are cached between pushes; what a rollback undoes is dropped from the cache and read again.
/// </summary>
internal sealed class SqliteVaultWriter(SqliteDatabase database, Limits limits, TimeProvider time)
{
    /// <summary>Accounts in the cache (about 300 bytes each); past that it starts over.</summary>
    private const int MaxCachedAccounts = 20_000;

    /// <summary>Results are removed this many at a time, not one with every Push.</summary>
    private const int ResultSlack = 64;

    private readonly Dictionary<Guid, CachedVault> _cache = [];

    /// <summary>Decides and stores. A throw leaves nothing behind once the caller has rolled back and called <see cref="Forget"/>.</summary>
    public PushDecision Execute(VaultPush push, out long committedAt)
    {
        var vault = Load(push.AccountId);
        var device = LoadDevice(vault, push.AccountId, push.DeviceId);
        var lookup = new Lookup(database.WriterStatements, push.AccountId, push.DeviceId, device.State.LastOpSeq, limits);
        var decision = VaultEngine.Decide(vault.State, device.State, push.Operations, push.Atomic, lookup, limits);
        committedAt = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var entry in decision.Entries)
        {
            Insert(push.AccountId, entry, committedAt);
        }

        foreach (var index in decision.DurableResults)
        {
            Insert(push.AccountId, push.DeviceId, push.Operations[index], decision.Outcomes[index]);
        }

        if (decision.Entries.Count > 0)
        {
            Save(push.AccountId, decision.State);
        }

        vault.State = decision.State;
        device.State = decision.Device;
        device.NewResults += decision.DurableResults.Count;
        if (device.NewResults >= ResultSlack)
        {
            Trim(push.AccountId, push.DeviceId);
            device.NewResults = 0;
        }

        return decision;
    }

    /// <summary>Drops what is cached of an account, because a rollback or an erasure made it untrue.</summary>
    public void Forget(Guid accountId) => _cache.Remove(accountId);

    private CachedVault Load(Guid accountId)
    {
        if (_cache.TryGetValue(accountId, out var cached))
        {
            return cached;
        }

        if (_cache.Count >= MaxCachedAccounts)
        {
            _cache.Clear();
        }

        cached = new CachedVault { State = VaultQueries.State(database.WriterStatements, accountId) };
        _cache.Add(accountId, cached);
        return cached;
    }

    private CachedDevice LoadDevice(CachedVault vault, Guid accountId, Guid deviceId)
    {
        if (!vault.Devices.TryGetValue(deviceId, out var device))
        {
            var newest = VaultQueries.Newest(database.WriterStatements, accountId, deviceId);
            device = new CachedDevice
            {
                State = new DeviceState(
                    VaultQueries.LastOpSeq(database.WriterStatements, accountId, deviceId),
                    Enrolled: newest?.Kind == OperationKind.DeviceKey),

                // Nobody counted what is there: look at it after the first Push.
                NewResults = ResultSlack,
            };
            vault.Devices.Add(deviceId, device);
        }

        return device;
    }

    private const string InsertChangeSql = """
        INSERT INTO change (account_id, seq, kind, subject_id, rev, header, signature, envelope, chain_hash, more_in_batch, committed_at)
        VALUES (@AccountId, @Seq, @Kind, @SubjectId, @Rev, @Header, @Signature, @Envelope, @ChainHash, @MoreInBatch, @CommittedAt)
        """;

    private const string PruneSql = "UPDATE change SET envelope = NULL WHERE account_id = @AccountId AND subject_id = @SubjectId AND rev = @Rev";

    private void Insert(Guid accountId, LogEntry entry, long committedAt)
    {
        var message = entry.Operation.Message;
        database.WriterStatements.Get(InsertChangeSql)
            .Bind(accountId)
            .Bind(entry.Seq)
            .Bind((long)message.Kind)
            .Bind(entry.Operation.SubjectId)
            .Bind(entry.Rev)
            .Bind(message.Header.Span)
            .Bind(message.Signature.Span)
            .Bind(message.Envelope.Span)
            .Bind(entry.ChainHash)
            .Bind(entry.MoreInBatch ? 1L : 0L)
            .Bind(committedAt)
            .Run();
        if (entry.PrunedRev != 0)
        {
            database.WriterStatements.Get(PruneSql).Bind(accountId).Bind(entry.Operation.SubjectId).Bind(entry.PrunedRev).Run();
        }
    }

    private const string InsertResultSql = """
        INSERT INTO op_result (account_id, device_id, op_seq, op_id, header_hash, outcome, seq, rev, reason)
        VALUES (@AccountId, @DeviceId, @OpSeq, @OpId, @HeaderHash, @Outcome, @Seq, @Rev, @Reason)
        """;

    private void Insert(Guid accountId, Guid deviceId, VaultOperation operation, Outcome outcome)
    {
        database.WriterStatements.Get(InsertResultSql)
            .Bind(accountId)
            .Bind(deviceId)
            .Bind(operation.OpSeq)
            .Bind(operation.OpId)
            .Bind(operation.HeaderHash)
            .Bind((long)outcome.Kind)
            .Bind(outcome.Seq)
            .Bind(outcome.Rev)
            .Bind((long)outcome.Reason)
            .Run();
    }

    private const string SaveSql = """
        INSERT INTO vault (account_id, generation, key_epoch, head_seq, compacted_seq, chain_hash, items, bytes)
        VALUES (@AccountId, @Generation, @KeyEpoch, @HeadSeq, @CompactedSeq, @ChainHash, @Items, @Bytes)
        ON CONFLICT (account_id) DO UPDATE SET
            head_seq = excluded.head_seq, chain_hash = excluded.chain_hash, items = excluded.items, bytes = excluded.bytes
        """;

    private void Save(Guid accountId, VaultState state)
    {
        database.WriterStatements.Get(SaveSql)
            .Bind(accountId)
            .Bind(state.Generation)
            .Bind((long)state.KeyEpoch)
            .Bind(state.HeadSeq)
            .Bind(state.CompactedSeq)
            .Bind(state.ChainHash)
            .Bind(state.Items)
            .Bind(state.Bytes)
            .Run();
    }

    private const string TrimSql = """
        DELETE FROM op_result
        WHERE account_id = @AccountId AND device_id = @DeviceId AND op_seq <= (
            SELECT op_seq FROM op_result WHERE account_id = @AccountId AND device_id = @DeviceId
            ORDER BY op_seq DESC LIMIT 1 OFFSET @Kept)
        """;

    private void Trim(Guid accountId, Guid deviceId)
    {
        database.WriterStatements.Get(TrimSql).Bind(accountId).Bind(deviceId).Bind((long)limits.ResultsPerDevice).Run();
    }

    private sealed class CachedVault
    {
        public required VaultState State { get; set; }

        public Dictionary<Guid, CachedDevice> Devices { get; } = [];
    }

    private sealed class CachedDevice
    {
        public required DeviceState State { get; set; }

        /// <summary>Results stored since the last trim.</summary>
        public required int NewResults { get; set; }
    }

    private sealed class Lookup(PreparedStatements statements, Guid accountId, Guid deviceId, ulong lastOpSeq, Limits limits) : IVaultLookup
    {
        public SubjectState? Subject(Guid subjectId) => VaultQueries.Newest(statements, accountId, subjectId);

        public StoredResult? FindResult(ulong opSeq) => VaultQueries.FindResult(statements, accountId, deviceId, opSeq, lastOpSeq, limits.ResultsPerDevice);

        public ulong EnvelopeBytes(Guid subjectId, ulong rev) => VaultQueries.EnvelopeBytes(statements, accountId, subjectId, rev);
    }
}
