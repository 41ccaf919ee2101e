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

    /// <summary>The results of so many changes are settled at a time: what a lookup has to read of the log, against a page written with every Push.</summary>
    private const int ResultsUnsettled = 32;

    /// <summary>Results are removed this many at a time, not one with every Push.</summary>
    private const int ResultSlack = 64;

    private readonly Dictionary<Guid, CachedVault> _cache = [];

    /// <summary>Decides and stores. A throw leaves nothing behind once the caller has rolled back and called <see cref="Forget"/>.</summary>
    public PushDecision Execute(VaultPush push, out long committedAt)
    {
        var vault = Load(push.AccountId);
        var device = LoadDevice(vault, push.AccountId, push.DeviceId);
        var lookup = new Lookup(database.WriterStatements, push.AccountId, push.DeviceId, limits);
        var decision = VaultEngine.Decide(vault.State, device.State, push.Operations, push.Atomic, lookup, limits);
        committedAt = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var entry in decision.Entries)
        {
            Insert(push.AccountId, entry, committedAt);
        }

        var settles = decision.Entries.Count > 0 && decision.State.HeadSeq - vault.SettledSeq >= ResultsUnsettled;
        foreach (var index in decision.DurableResults)
        {
            // What was applied can be read from the change itself, until it is settled.
            if (settles || decision.Outcomes[index].Kind != OutcomeKind.Applied)
            {
                var operation = push.Operations[index];
                VaultResults.Insert(database.WriterStatements, push.AccountId, push.DeviceId, operation.OpSeq, operation.HeaderHash, decision.Outcomes[index]);
                device.NewResults++;
            }
        }

        if (settles)
        {
            // The rest of them: the entries of this Push have their rows already.
            VaultResults.Settle(
                database.WriterStatements,
                push.AccountId,
                vault.SettledSeq,
                vault.State.HeadSeq + 1,
                deviceId => Written(vault, deviceId));
            vault.SettledSeq = decision.State.HeadSeq;
        }

        if (decision.Entries.Count > 0)
        {
            Save(push.AccountId, decision.State, vault.SettledSeq);
        }

        vault.State = decision.State;
        device.State = decision.Device;
        Trim(push.AccountId, vault);
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

        cached = new CachedVault
        {
            State = VaultQueries.State(database.WriterStatements, accountId),
            SettledSeq = VaultResults.SettledSeq(database.WriterStatements, accountId),
        };
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
                    VaultResults.LastOpSeq(database.WriterStatements, accountId, deviceId),
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

    private const string PruneSql = """
        UPDATE change SET envelope = NULL WHERE account_id = @AccountId AND subject_id = @SubjectId AND rev = @Rev
        RETURNING length(header)
        """;

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
            Prune(accountId, entry);
        }

        RetentionRows.Written(database.WriterStatements, accountId, entry, committedAt);
    }

    private void Prune(Guid accountId, LogEntry entry)
    {
        var row = database.WriterStatements.Get(PruneSql).Bind(accountId).Bind(entry.Operation.SubjectId).Bind(entry.PrunedRev);
        var names = row.Step() && row.Int64(0) > OperationHeader.FixedLength;
        row.Reset();
        if (names)
        {
            RetentionRows.Unkept(database.WriterStatements, accountId, entry.Operation.SubjectId, entry.PrunedRev, entry.PrunedRev, time.GetUtcNow() + limits.AttachmentGrace);
        }
    }

    private const string SaveSql = """
        INSERT INTO vault (account_id, generation, key_epoch, head_seq, compacted_seq, chain_hash, items, bytes, settled_seq)
        VALUES (@AccountId, @Generation, @KeyEpoch, @HeadSeq, @CompactedSeq, @ChainHash, @Items, @Bytes, @SettledSeq)
        ON CONFLICT (account_id) DO UPDATE SET
            key_epoch = excluded.key_epoch, head_seq = excluded.head_seq, chain_hash = excluded.chain_hash, items = excluded.items,
            bytes = excluded.bytes, settled_seq = excluded.settled_seq
        """;

    private void Save(Guid accountId, VaultState state, ulong settledSeq)
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
            .Bind(settledSeq)
            .Run();
    }

    private static void Written(CachedVault vault, Guid deviceId)
    {
        // Nobody counts for a device that is not cached: it is looked at when it is loaded.
        if (vault.Devices.TryGetValue(deviceId, out var device))
        {
            device.NewResults++;
        }
    }

    private void Trim(Guid accountId, CachedVault vault)
    {
        foreach (var (deviceId, device) in vault.Devices)
        {
            if (device.NewResults >= ResultSlack)
            {
                VaultResults.Trim(database.WriterStatements, accountId, deviceId, limits.ResultsPerDevice);
                device.NewResults = 0;
            }
        }
    }

    private sealed class CachedVault
    {
        public required VaultState State { get; set; }

        /// <summary>The results of changes up to this seq have rows.</summary>
        public required ulong SettledSeq { get; set; }

        public Dictionary<Guid, CachedDevice> Devices { get; } = [];
    }

    private sealed class CachedDevice
    {
        public required DeviceState State { get; set; }

        /// <summary>Results stored since the last trim.</summary>
        public required int NewResults { get; set; }
    }

    private sealed class Lookup(PreparedStatements statements, Guid accountId, Guid deviceId, Limits limits) : IVaultLookup
    {
        public SubjectState? Subject(Guid subjectId) => VaultQueries.Newest(statements, accountId, subjectId);

        public StoredResult? FindResult(ulong opSeq) => VaultResults.Find(statements, accountId, deviceId, opSeq, limits.ResultsPerDevice);

        public ulong EnvelopeBytes(Guid subjectId, ulong rev) => VaultQueries.EnvelopeBytes(statements, accountId, subjectId, rev);

        public bool AttachmentComplete(Guid attachmentId) => RetentionRows.IsComplete(statements, accountId, attachmentId);
    }
}
