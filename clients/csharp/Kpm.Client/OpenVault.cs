using Kpm.Client.Items;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.Client.Sync;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client;

/// <summary>
/// The vault with its keys in memory. Reads and edits work without a connection: an edit is encrypted,
/// signed and stored before the call returns, and is sent by the next synchronisation.
/// </summary>
public sealed class OpenVault : IDisposable
{
    private readonly LocalStore _store;
    private readonly KpmOptions _options;
    private readonly VaultKeys _keys;
    private readonly OperationMaker _maker;
    private readonly LogVerifier _verifier;
    private readonly VaultExchange _exchange;
    private readonly DeviceIdentity _device;

    internal OpenVault(LocalStore store, KpmOptions options, VaultKeys keys, DeviceIdentity device, Accounts.ServerCalls calls, Accounts.SessionKeeper sessions, VaultService.VaultServiceClient vaults, Accounts.KeyHold hold)
    {
        _store = store;
        _options = options;
        _keys = keys;
        _device = device;
        _maker = new OperationMaker(device, keys, options.Time);
        _verifier = new LogVerifier(keys);
        var rebaser = new Rebaser(_maker, keys, device.Id, options.Time);
        var syncStore = new SyncStore(store, device, keys, _maker, rebaser, _verifier);
        var engine = new SyncEngine(vaults, calls, sessions, store, syncStore, device, options.Time);
        var rekeyer = new Rekeyer(store, device, keys, _maker, calls, vaults, options);
        _exchange = new VaultExchange(store, engine, rekeyer, new Restorer(store, _maker, keys, options.Time), calls, vaults, hold, options.Time);
        Attachments = new AttachmentClient(store, calls, sessions, vaults, options);
        Revisions = new RevisionClient(store, keys, _maker, calls, vaults);
    }

    /// <summary>The files of items.</summary>
    public AttachmentClient Attachments { get; }

    /// <summary>What items were before, and the trash.</summary>
    public RevisionClient Revisions { get; }

    internal OperationMaker Maker => _maker;

    internal VaultKeys Keys => _keys;

    /// <summary>True once this device stands in the vault's device directory.</summary>
    public bool IsEnrolled => _store.Read(connection => LogStore.SubjectRow(connection, _device.Id) is not null);

    /// <summary>All items that are not deleted.</summary>
    /// <returns>In no particular order; an item that can't be read is there with the reason.</returns>
    public IReadOnlyList<VaultItem> List() => _store.Read(connection =>
    {
        var queued = Outbox.All(connection).Where(IsItem).GroupBy(row => row.Subject).ToDictionary(group => group.Key, group => group.Last());
        var items = new List<VaultItem>();
        foreach (var subject in LogStore.Items(connection))
        {
            if (!queued.Remove(subject.Id, out var row))
            {
                items.Add(Open(subject));
            }
            else if (row.Kind == (long)OperationKind.Put)
            {
                items.Add(Open(row, (ulong)subject.Rev));
            }
        }

        items.AddRange(queued.Values.Where(row => row.Kind == (long)OperationKind.Put).Select(row => Open(row, 0)));

        // While a restored backup is taken in, what the server has lost is still there.
        items.AddRange(Restorer.OldItems(connection).Where(old => LogStore.SubjectRow(connection, old.Id) is null && !items.Exists(item => item.Id == old.Id)).Select(Open));
        return items;
    });

    /// <summary>One item.</summary>
    /// <param name="id">The item.</param>
    /// <returns>Null when there is none, or it is deleted.</returns>
    public VaultItem? Find(Guid id) => _store.Read(connection => Find(connection, id));

    /// <summary>Adds an item.</summary>
    /// <param name="item">The plaintext; its creation time is set.</param>
    /// <returns>The new item's id.</returns>
    /// <exception cref="Kpm1Exception">ITEM_TOO_LARGE.</exception>
    public Guid Add(Item item)
    {
        ArgumentNullException.ThrowIfNull(item);
        var now = _options.Time.GetUtcNow();
        var created = item.Clone();
        created.CreatedAtMs = now.ToUnixTimeMilliseconds();
        var id = Guid.CreateVersion7(now);
        _store.Write(connection =>
        {
            RequireSettled(connection);
            Outbox.Add(connection, _maker.Put(connection, id, created, 0, null), OutboxState.Queued);
            return id;
        });
        return id;
    }

    /// <summary>
    /// Changes an item; secrets that the change replaces go to its history. What another device has
    /// changed since the item was read is merged, field by field.
    /// </summary>
    /// <param name="read">The item as it was read.</param>
    /// <param name="edited">What it is to be: a changed clone of what was read.</param>
    /// <returns>False when the item was deleted since.</returns>
    /// <exception cref="Kpm1Exception">The item can't be read any more, as docs/crypto.md names it, or ITEM_TOO_LARGE.</exception>
    public bool Edit(VaultItem read, Item edited)
    {
        ArgumentNullException.ThrowIfNull(read);
        ArgumentNullException.ThrowIfNull(edited);
        var basis = read.Item ?? throw new ArgumentException("An item that can't be read can't be edited.", nameof(read));
        return _store.Write(connection =>
        {
            RequireSettled(connection);
            if (Find(connection, read.Id) is not { } found)
            {
                return false;
            }

            var current = found.Item ?? OpenStrictly(connection, read.Id);
            var mine = edited.Clone();
            ItemHistory.Record(basis, mine, _options.Time);
            var result = current.Equals(basis) ? mine : ItemMerge.Merge(basis, current, mine, Author(connection, read.Id), _options.Time.GetUtcNow()).Merged;
            if (!result.Equals(current))
            {
                Replace(connection, read.Id, (baseRev, basedOn) => _maker.Put(connection, read.Id, result, baseRev, basedOn));
            }

            return true;
        });
    }

    /// <summary>Deletes an item.</summary>
    /// <param name="id">The item.</param>
    /// <returns>False when there is no such item.</returns>
    public bool Remove(Guid id) => _store.Write(connection =>
    {
        RequireSettled(connection);
        if (Find(connection, id) is null)
        {
            return false;
        }

        // Where the log has no item, or only its deletion, the queued edit alone was what made it.
        Replace(connection, id, (baseRev, basedOn) => basedOn is null || OperationHeader.Parse(basedOn.Header).Kind == OperationKind.Delete
            ? null
            : _maker.Delete(connection, id, baseRev, basedOn));
        return true;
    });

    /// <summary>
    /// Exchanges everything with the server. Where another process of this data folder is synchronising
    /// already, waits until that one has sent this device's edits.
    /// </summary>
    /// <param name="report">Told what happens; called on another thread.</param>
    /// <param name="cancellationToken">Ends it; what was stored stays.</param>
    /// <returns>When all is exchanged.</returns>
    /// <exception cref="Accounts.ServerException">No connection, or the server's error; edits stay queued.</exception>
    /// <exception cref="Accounts.SignedOutException">The session has ended.</exception>
    /// <exception cref="Accounts.KeysHeldException">The server keeps the vault's keys back after a password reset.</exception>
    /// <exception cref="SyncStoppedException">The person must decide.</exception>
    /// <exception cref="Kpm1Exception">The server's log is not what honest devices wrote: nothing of it was stored.</exception>
    public Task SyncAsync(Action<SyncEvent> report, CancellationToken cancellationToken) => _exchange.SyncAsync(report, cancellationToken);

    /// <summary>Synchronises until cancelled, through lost connections.</summary>
    /// <param name="report">Told what happens; called on another thread.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Never but by an exception.</returns>
    /// <exception cref="LocalStoreException">Another process of this data folder is doing this already.</exception>
    /// <exception cref="Accounts.SignedOutException">The session has ended.</exception>
    /// <exception cref="Accounts.KeysHeldException">The server keeps the vault's keys back after a password reset.</exception>
    /// <exception cref="SyncStoppedException">The person must decide.</exception>
    /// <exception cref="Kpm1Exception">The server's log is not what honest devices wrote: nothing of it was stored.</exception>
    public Task WatchAsync(Action<SyncEvent> report, CancellationToken cancellationToken) => _exchange.WatchAsync(report, cancellationToken);

    /// <summary>
    /// After a restored backup, with the person's consent: takes the server's vault as it is, and sends again what it has lost.
    /// Until that is done what this device had is kept aside; broken off, the next synchronisation goes on with it.
    /// </summary>
    /// <param name="report">Told what happens; called on another thread.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>When all is exchanged.</returns>
    /// <exception cref="Accounts.ServerException">No connection, or the server's error.</exception>
    /// <exception cref="LocalStoreException">Another process of this data folder is synchronising.</exception>
    public Task AcceptRestoreAsync(Action<SyncEvent> report, CancellationToken cancellationToken) => _exchange.AcceptRestoreAsync(report, cancellationToken);

    /// <summary>
    /// Gives the vault new keys: whoever had the old ones opens nothing that is written from now on. The devices that stay take
    /// them over by themselves.
    /// </summary>
    /// <param name="mainPassword">The main password.</param>
    /// <param name="newMainPassword">The main password from now on; null for the same.</param>
    /// <param name="revoked">Devices whose part in the vault ends; this one is not among them.</param>
    /// <param name="report">Told what happens; called on another thread.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>When the new keys are in the vault's log.</returns>
    /// <exception cref="Kpm1Exception">PASSWORD_WRONG: nothing was done.</exception>
    /// <exception cref="LocalStoreException">Another device has changed the keys in the meantime, or another process of this data folder is synchronising.</exception>
    /// <exception cref="Accounts.ServerException">No connection, or the server's error. What was made is sent by the next synchronisation.</exception>
    public Task RekeyAsync(string mainPassword, string? newMainPassword, IEnumerable<Guid> revoked, Action<SyncEvent> report, CancellationToken cancellationToken) =>
        _exchange.RekeyAsync(mainPassword, newMainPassword, revoked.ToHashSet(), report, cancellationToken);

    /// <summary>Where the copy stands.</summary>
    /// <returns>The status; needs no connection.</returns>
    public VaultStatus Status() => _store.Read(connection =>
    {
        var vault = LocalStore.Vault(connection)!;
        var outbox = Outbox.All(connection);
        var refused = outbox.Count(row => row.Standing == OutboxState.Refused);
        var deleted = outbox.Where(IsItem).GroupBy(row => row.Subject).ToDictionary(group => group.Key, group => group.Last().Kind == (long)OperationKind.Delete);
        var items = LogStore.Items(connection).Select(subject => subject.Id).Concat(deleted.Keys).Distinct().Count(id => !deleted.GetValueOrDefault(id));
        return new VaultStatus((ulong)vault.Seq, (ulong)vault.Generation, (uint)vault.KeyEpoch, items, LogStore.Devices(connection).Count(known => !known.Revoked), outbox.Count - refused, refused);
    });

    /// <summary>Forgets the keys.</summary>
    public void Dispose()
    {
        _verifier.Dispose();
        _keys.Dispose();
    }

    private static bool IsItem(OutboxRow row) => row.Kind is (long)OperationKind.Put or (long)OperationKind.Delete;

    private VaultItem? Find(SqliteConnection connection, Guid id)
    {
        var subject = LogStore.SubjectRow(connection, id);
        if (Outbox.Of(connection, id).LastOrDefault(IsItem) is { } row)
        {
            return row.Kind == (long)OperationKind.Put ? Open(row, (ulong)(subject?.Rev ?? 0)) : null;
        }

        subject ??= Restorer.Old(connection, id);
        return subject?.Kind == (long)OperationKind.Put ? Open(subject) : null;
    }

    /// <summary>An edit needs a revision in the log to stand on.</summary>
    private static void RequireSettled(SqliteConnection connection)
    {
        if (LocalStore.Vault(connection)!.Restoring)
        {
            throw new LocalStoreException("The server's restored vault is not taken in yet: nothing can be changed before that. Run kpm sync.");
        }
    }

    /// <summary>
    /// Queues the operation in place of one of this item that was never sent, or behind one that was. A
    /// queued operation may be replaced freely: the log never saw it.
    /// </summary>
    private static void Replace(SqliteConnection connection, Guid id, Func<ulong, LogRevision?, SignedOperation?> make)
    {
        var rows = Outbox.Of(connection, id);
        var last = rows.LastOrDefault();
        SignedOperation? operation;
        if (last is null)
        {
            var subject = LogStore.SubjectRow(connection, id)!;
            operation = make((ulong)subject.Rev, new LogRevision(subject.Header, subject.Envelope));
        }
        else if (last.Standing is OutboxState.Queued or OutboxState.Refused)
        {
            Outbox.Remove(connection, last.OpSeq);
            operation = make((ulong)last.BaseRev, last.BaseHeader is null ? null : new LogRevision(last.BaseHeader, last.BaseEnvelope));
        }
        else
        {
            operation = make((ulong)last.BaseRev + 1, new LogRevision(last.Header, last.Envelope));
        }

        if (operation is not null)
        {
            Outbox.Add(connection, operation, OutboxState.Queued);
        }
    }

    private VaultItem Open(SubjectRow subject)
    {
        if (subject.Envelope is null)
        {
            return new VaultItem { Id = subject.Id, Rev = (ulong)subject.Rev, Unreadable = Kpm1Exception.NameOf(Kpm1Error.EnvelopeWithheld) };
        }

        return Open(subject.Id, (ulong)subject.Rev, subject.Header, subject.Envelope);
    }

    private VaultItem Open(OutboxRow row, ulong rev) =>
        Open(row.Subject, rev, row.Header, row.Envelope) with { Pending = row.Standing != OutboxState.Refused, Refusal = row.Refusal };

    private VaultItem Open(Guid id, ulong rev, byte[] header, byte[] envelope)
    {
        try
        {
            return new VaultItem { Id = id, Rev = rev, Item = ItemEnvelope.Open(envelope, OperationHeader.Parse(header), _keys) };
        }
        catch (Kpm1Exception unreadable)
        {
            return new VaultItem { Id = id, Rev = rev, Unreadable = Kpm1Exception.NameOf(unreadable.Error) };
        }
    }

    private Guid Author(SqliteConnection connection, Guid id) =>
        LogStore.SubjectRow(connection, id) is { } subject ? OperationHeader.Parse(subject.Header).Device : _device.Id;

    /// <summary>Throws what makes the item unreadable.</summary>
    private Item OpenStrictly(SqliteConnection connection, Guid id)
    {
        var subject = LogStore.SubjectRow(connection, id)!;
        return ItemEnvelope.Open(subject.Envelope ?? throw new Kpm1Exception(Kpm1Error.EnvelopeWithheld), OperationHeader.Parse(subject.Header), _keys);
    }
}
