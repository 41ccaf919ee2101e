using Dapper;
using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Client.Tests.Sync;

/// <summary>A device with a real store, driven step by step against a server in memory.</summary>
internal sealed class Replica : IDisposable
{
    private readonly string _folder;
    private readonly LocalStore _store;
    private readonly DeviceIdentity _device;
    private readonly VaultKeys _keys;
    private readonly LogVerifier _verifier;
    private readonly SyncStore _sync;
    private readonly HashSet<ulong> _inFlight = [];
    private readonly KpmOptions _options;

    public Replica(FakeServer server, TestLog keysOf, TimeProvider time)
    {
        _folder = Directory.CreateTempSubdirectory("kpm-replica-").FullName;
        _store = LocalStore.Open(_folder);
        // Thousands of steps: none of them is about power loss.
        _store.Read(connection => connection.Execute("PRAGMA synchronous = OFF"));
        _device = new DeviceIdentity(_store.Device(time));
        _keys = VaultKeys.Create([.. keysOf.Keys.Account.Key], [.. keysOf.Keys.Of(1).VaultKey]);
        _store.Connect(new SessionRow
        {
            Server = "http://localhost",
            AccountId = server.Account.ToBytes(),
            Email = "ada@example.com",
            SessionId = "s",
            AccessToken = "a",
            AccessExpiresMs = long.MaxValue,
            RefreshToken = "r",
            RefreshExpiresMs = long.MaxValue,
        });
        _store.SaveKeyset(keysOf.FirstKeyset(), null, 1, MainPassword.MinIterations);
        _verifier = new LogVerifier(_keys);
        var maker = new OperationMaker(_device, _keys, time);
        _sync = new SyncStore(_store, _device, _keys, maker, new Rebaser(maker, _keys, _device.Id, time), _verifier);
        _options = new KpmOptions
        {
            Server = new Uri("http://localhost"),
            DataFolder = _folder,
            DeviceName = "test",
            ApplicationId = "kpm-cli",
            ApplicationVersion = "1",
            Platform = Platform.Linux,
            Time = time,
            Iterations = MainPassword.MinIterations,
        };
        Vault = new OpenVault(_store, _options, _keys, _device, null!, null!, null!, null!);
        Restorer = new Restorer(_store, maker, _keys, time);
        Rekeyer = new Rekeyer(_store, _device, _keys, maker, null!, null!, _options);
    }

    public Restorer Restorer { get; }

    public Rekeyer Rekeyer { get; }

    public VaultKeys Keys => _keys;

    public DeviceIdentity Device => _device;

    public PublishCheckpointRequest? Checkpoint(ulong seq) => _sync.Checkpoint(seq);

    public void BeginSnapshot(SnapshotBegin begin) => _sync.Snapshots.Begin(begin);

    public void AddRows(params IReadOnlyList<Change> rows) => _sync.Snapshots.Add(rows);

    public List<SyncEvent> EndSnapshot() => _sync.Snapshots.End();

    /// <summary>Takes a snapshot as a server sends it.</summary>
    public List<SyncEvent> TakeSnapshot(SnapshotBegin begin, IReadOnlyList<Change> rows)
    {
        BeginSnapshot(begin);
        foreach (var part in rows.Chunk(2))
        {
            AddRows(part);
        }

        return EndSnapshot();
    }

    /// <summary>Sends what goes out in an atomic Push of its own, as the server would take it.</summary>
    public bool PushSetup(FakeServer server)
    {
        var rows = _store.Read(connection => Outbox.All(connection).FindAll(row => row.Standing == OutboxState.Setup));
        var results = server.PushAtomic([.. rows.Select(Outbox.ToMessage)]);
        var applied = results.TrueForAll(result => result.ResultCase == OperationResult.ResultOneofCase.Applied);
        _store.Write(connection =>
        {
            rows.ForEach(row => Outbox.SetState(connection, row.OpSeq, applied ? OutboxState.Applied : OutboxState.Refused));
            return 0;
        });
        return applied;
    }

    public OpenVault Vault { get; }

    public LocalStore Store => _store;

    public Guid DeviceId => _device.Id;

    public VaultRow State => _sync.Vault();

    public List<SyncEvent> Events { get; } = [];

    public Operation? LastSent { get; private set; }

    /// <summary>Takes in what is new, and the bookmark behind it.</summary>
    public void Pull(FakeServer server, int atMost = int.MaxValue)
    {
        var changes = server.After((ulong)State.Seq).Take(atMost).ToList();
        if (changes.Count > 0)
        {
            Events.AddRange(_sync.Add(changes));
        }

        if ((ulong)State.Seq == (ulong)server.Log.Count)
        {
            Events.AddRange(_sync.Bookmark());
        }
    }

    /// <summary>Feeds entries as a server would, honest or not.</summary>
    public List<SyncEvent> Feed(params IReadOnlyList<Change> changes) => _sync.Add(changes);

    public List<SyncEvent> Bookmark() => _sync.Bookmark();

    public List<SyncEvent> Result(OperationResult result) => _sync.Result(result);

    /// <summary>Takes what is due, and leaves the result open.</summary>
    public void Take(List<Operation> operations) => operations.AddRange(_sync.TakeToSend(new HashSet<ulong>(), 64));

    /// <summary>As if this store had never made the operation.</summary>
    public void Forget(ulong opSeq) => _store.Write(connection =>
        connection.Execute("DELETE FROM made WHERE op_seq = @opSeq", new { opSeq = (long)opSeq })
        + connection.Execute("DELETE FROM outbox WHERE op_seq = @opSeq", new { opSeq = (long)opSeq }));

    /// <summary>Sends what is due; loses the results where the connection breaks.</summary>
    public void Send(FakeServer server, bool loseResults = false, int most = 64)
    {
        var operations = _sync.TakeToSend(_inFlight, most);
        _inFlight.UnionWith(operations.Select(operation => operation.OpSeq));
        foreach (var operation in operations)
        {
            LastSent = operation;
            var result = server.Push(operation);
            if (!loseResults)
            {
                _inFlight.Remove(operation.OpSeq);
                Events.AddRange(_sync.Result(result));
            }
        }

        if (loseResults)
        {
            _inFlight.Clear();
        }
    }

    /// <summary>As a stream does it until there is nothing left to exchange.</summary>
    public void SyncFully(FakeServer server)
    {
        for (var round = 0; round < 50; round++)
        {
            Pull(server);
            if (_sync.IsIdle())
            {
                return;
            }

            Send(server);
        }

        throw new InvalidOperationException("The replica does not come to rest.");
    }

    public void Dispose()
    {
        Vault.Dispose();
        _device.Dispose();
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
