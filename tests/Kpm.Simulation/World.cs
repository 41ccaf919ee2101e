using Dapper;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults;
using Kpm.Simulation.Clients;
using Kpm.Simulation.Disk;
using Kpm.Simulation.Engine;
using Kpm.Simulation.Server;

namespace Kpm.Simulation;

/// <summary>How a run went.</summary>
/// <param name="TraceHash">Equal for two runs that were the same.</param>
/// <param name="Steps">Pieces of work that were run.</param>
/// <param name="Changes">Entries of the logs at the end.</param>
/// <param name="Boots">Starts of the server.</param>
internal sealed record RunSummary(string TraceHash, long Steps, int Changes, int Boots);

/// <summary>
/// One run: a server, the devices of one or two accounts, a time of faults that the seed chooses, then a calm in which
/// everything must come to rest, and the last checks.
/// </summary>
internal sealed class World : IDisposable
{
    /// <summary>One seed in so many runs the client library in place of the model of it.</summary>
    private const int RealEvery = 10;

    private static readonly TimeSpan LongestCalm = TimeSpan.FromMinutes(30);

    private readonly Trace _trace;
    private readonly Random _random;
    private readonly Scheduler _scheduler;
    private readonly SimProcess _fate;
    private readonly Climate _climate;
    private readonly Machine _machine;
    private readonly SimServer _server;
    private readonly List<SimDevice> _devices = [];
    private readonly List<(Guid Account, Truth Truth, List<IClientEngine> Clients)> _accounts = [];
    private readonly List<(SimDevice Device, IClientEngine Engine)> _installed = [];
    private readonly RealVault? _vault;
    private bool _calm;
    private bool _restarting;

    private World(int seed, PlantedBug bug, Action<string>? follow)
    {
        _trace = new Trace(follow);
        _random = new Random(seed);
        _scheduler = new Scheduler(_random, _trace);
        _fate = new SimProcess(_scheduler, "fate");
        _climate = Climate.Of(new Random(seed ^ 0x5eed), bug == PlantedBug.None && seed % RealEvery == 0);
        _machine = new Machine(new SimDisk(new Random(seed ^ 0xd15c)) { Bug = ToSyncBug(bug) });
        _server = new SimServer(_scheduler, _machine.Disk, _machine.Folder, _climate.Limits, bug);
        _vault = _climate.RealClients ? new RealVault() : null;
        Populate(bug);
    }

    /// <summary>Runs a seed.</summary>
    /// <param name="seed">Chooses everything.</param>
    /// <param name="bug">A bug to plant.</param>
    /// <param name="follow">Told each line of the trace.</param>
    /// <exception cref="ViolationException">A guarantee does not hold.</exception>
    public static RunSummary Run(int seed, PlantedBug bug = PlantedBug.None, Action<string>? follow = null)
    {
        using var simulation = new World(seed, bug, follow);
        try
        {
            return simulation.Run();
        }
        catch (ViolationException violation)
        {
            violation.Data["trace"] = simulation._trace.Last(60);
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var (_, engine) in _installed)
        {
            (engine as IDisposable)?.Dispose();
        }

        _vault?.Dispose();
        _server.Dispose();
        _machine.Dispose();
        _trace.Dispose();
    }

    private RunSummary Run()
    {
        _server.Start();
        foreach (var (device, engine) in _installed)
        {
            device.Install(engine);
            People(device);
        }

        Faults();
        Advance(_climate.Storm);
        Calm();
        var limit = _scheduler.Now + LongestCalm;
        while (!IsAtRest())
        {
            if (_scheduler.Now >= limit)
            {
                throw new ViolationException("Progress", $"half an hour after the last fault there is still something to do: {Describe()}");
            }

            Advance(TimeSpan.FromSeconds(5));
        }

        // Nothing that was on its way may change anything any more.
        Advance(TimeSpan.FromMinutes(2));
        Check();
        return new RunSummary(_trace.Hash(), _scheduler.Steps, _accounts.Sum(a => a.Truth.Length), _server.Boots);
    }

    private void Populate(PlantedBug bug)
    {
        var callers = new List<Caller>();
        (Caller Founder, List<V1.Operation> Operations)? beginning = null;
        for (var a = 0; a < _climate.Accounts; a++)
        {
            var account = _vault is null ? OperationBytes.Id(_random) : RealVault.Account;
            var truth = new Truth(_climate.Limits);
            if (_vault is not null)
            {
                beginning = Found(truth);
                callers.Add(beginning.Value.Founder);
            }

            var workload = new Workload([.. Enumerable.Range(0, _climate.Items).Select(_ => OperationBytes.Id(_random))], _climate.Limits.OperationsInFlight, _climate.OperationsPerPush);
            var clients = new List<IClientEngine>();
            for (var d = 0; d < _climate.Devices; d++)
            {
                var real = _vault is null ? null : new RealClient(_vault, truth, workload, _random, new SimTime(_scheduler, _fate), MayCrash);
                var caller = NewCaller(account, real?.DeviceId ?? OperationBytes.Id(_random));
                var device = new SimDevice($"device {a + 1}.{d + 1}", caller, _server, _scheduler, () => _calm ? _climate.Calm : _climate.Weather);
                IClientEngine engine = real is null ? new ModelClient(caller, truth, workload, _random, bug, MayCrash) : real;
                callers.Add(caller);
                clients.Add(engine);
                _devices.Add(device);
                _installed.Add((device, engine));
            }

            _accounts.Add((account, truth, clients));
        }

        _machine.Prepare(callers, beginning, TriggerOf(bug));
    }

    private Caller NewCaller(Guid account, Guid device) => new()
    {
        AccountId = account,
        SessionId = OperationBytes.Id(_random),
        DeviceId = device,
        Activated = true,
        AccessExpiresAt = DateTimeOffset.MaxValue,
        SigningKey = new byte[65],
        AccessTokenHash = new byte[32],
    };

    /// <summary>A device that only founds the vault; the others join it.</summary>
    private (Caller Founder, List<V1.Operation> Operations) Found(Truth truth)
    {
        using var disk = new SimDisk(new Random(0));
        var folder = Directory.CreateTempSubdirectory("kpm-simulation-").FullName;
        MemoryVfs.Mount(folder, disk);
        try
        {
            using var store = Kpm.Client.Storage.LocalStore.Open(folder);
            var (device, operations) = _vault!.Found(store, new SimTime(_scheduler, _fate));
            operations.ForEach(operation => truth.Made(new MadeOperation(device, operation, [], 1)));
            return (NewCaller(RealVault.Account, device), operations);
        }
        finally
        {
            MemoryVfs.Unmount(folder);
            Directory.Delete(folder, recursive: true);
        }
    }

    private void MayCrash()
    {
        if (!_calm && _climate.ClientCrashes > 0 && _random.Next(_climate.ClientCrashes) == 0)
        {
            throw new ClientCrashException();
        }
    }

    private void People(SimDevice device) => After(_climate.EditInterval * (0.1 + (2 * _random.NextDouble())), () =>
    {
        if (_scheduler.Now < _climate.Storm)
        {
            device.Act();
            People(device);
        }
    });

    private void Faults()
    {
        foreach (var fault in _climate.Faults)
        {
            Recur(fault);
        }
    }

    private void Recur(FaultPlan fault) => After(fault.Interval * (0.1 + (2 * _random.NextDouble())), () =>
    {
        if (!_calm)
        {
            Strike(fault.Kind);
            Recur(fault);
        }
    });

    private void Strike(FaultKind kind)
    {
        var up = _server.Process is { Ended: false };
        switch (kind)
        {
            case FaultKind.Cut:
                _devices[_random.Next(_devices.Count)].CutConnection();
                break;
            case FaultKind.Sleep:
                _devices[_random.Next(_devices.Count)].Sleep(TimeSpan.FromSeconds(_random.NextDouble() * 300));
                break;
            case FaultKind.Kill or FaultKind.PowerLoss when up:
                Tell($"{kind} of the server");
                _server.Stop(kind == FaultKind.Kill ? StopKind.Kill : StopKind.PowerLoss);
                break;
            case FaultKind.KillAtWrite or FaultKind.PowerLossAtWrite when up:
                _machine.Disk.StopAtSite = (_machine.Disk.Sites + _random.Next(1, 25), kind == FaultKind.KillAtWrite ? StopKind.Kill : StopKind.PowerLoss);
                break;
            case FaultKind.Drain when up:
                _server.Drain();
                break;
            case FaultKind.DiskFull:
                Tell("the disk is full");
                _machine.Disk.Full = true;
                After(TimeSpan.FromSeconds(_random.NextDouble() * 20), () => _machine.Disk.Full = false);
                break;
            case FaultKind.WriteError:
                _machine.Disk.FailingWrites = 1;
                break;
            case FaultKind.SyncError:
                _machine.Disk.FailNextSync = true;
                break;
            case FaultKind.LostHints:
                _server.LoseHints = true;
                After(TimeSpan.FromSeconds(_random.NextDouble() * 60), () => _server.LoseHints = false);
                break;
            case FaultKind.ClockJump:
                _server.ClockError = TimeSpan.FromHours((_random.NextDouble() * 100) - 50);
                break;
        }
    }

    /// <summary>The faults are over: the network is good, the disk is sound, and the server stays up.</summary>
    private void Calm()
    {
        Tell("calm");
        _calm = true;
        _machine.Disk.Full = false;
        _machine.Disk.FailingWrites = 0;
        _machine.Disk.FailNextSync = false;
        _machine.Disk.StopAtSite = null;
        _server.LoseHints = _server.Bug == PlantedBug.HintsNotHealed;
    }

    private void Advance(TimeSpan by)
    {
        var end = _scheduler.Now + by;
        while (_scheduler.Step(end))
        {
            _server.AfterStep();
            if (_server.Process is { Ended: true })
            {
                Restart();
            }
        }
    }

    private void Restart()
    {
        if (_restarting)
        {
            return;
        }

        _restarting = true;
        After(TimeSpan.FromSeconds(0.2 + (_random.NextDouble() * 5)), () =>
        {
            _restarting = false;
            _server.AfterStep();
            if (!_server.Start())
            {
                Restart();
            }
        });
    }

    private bool IsAtRest() => _server.Process is { Ended: false }
        && _accounts.TrueForAll(a => a.Clients.TrueForAll(client => client.IsSettled(_server.Store.State(a.Account).HeadSeq)));

    private void Check()
    {
        foreach (var (account, truth, clients) in _accounts)
        {
            truth.Check(_server.Store.Changes(account, 0, int.MaxValue, int.MaxValue), _server.Database.Read(connection => Stored(connection, account)));
            if (_vault is null)
            {
                CheckModels(truth, [.. clients.Cast<ModelClient>()]);
            }
            else
            {
                CheckReal(truth, [.. clients.Cast<RealClient>()]);
            }
        }

        var integrity = _server.Database.Read(connection => connection.ExecuteScalar<string>("PRAGMA integrity_check"));
        Require(integrity == "ok", "Storage", $"the database is damaged: {integrity}");
    }

    private static void CheckModels(Truth truth, List<ModelClient> clients)
    {
        var final = clients[0].Store.Subjects;
        foreach (var client in clients)
        {
            Require(client.Store.Subjects.Count == final.Count && client.Store.Subjects.All(s => Same(s.Value, final.GetValueOrDefault(s.Key))), "Convergence", "two devices of an account do not have the same");
        }

        truth.CheckValues(
            final.Where(s => s.Value.Kind == V1.OperationKind.Put).ToDictionary(s => s.Key, s => (IReadOnlyCollection<int>)s.Value.Tokens!),
            new HashSet<int>());
    }

    private static void CheckReal(Truth truth, List<RealClient> clients)
    {
        var final = clients[0].Content().ToList();
        foreach (var client in clients)
        {
            Require(client.Content().SequenceEqual(final), "Convergence", "two devices of an account do not have the same");
            Require(client.Vault.Status() is { Pending: 0, Refused: 0 }, "G3", $"operations are left: {client.Vault.Status()}");
        }

        truth.CheckValues(
            clients[0].Vault.List().ToDictionary(item => item.Id, item => (IReadOnlyCollection<int>)[.. RealClient.Values(item.Item!)]),
            clients.SelectMany(client => client.Replaced).ToHashSet());
    }

    /// <summary>From the database, not from memory.</summary>
    private static VaultState Stored(Microsoft.Data.Sqlite.SqliteConnection connection, Guid account)
    {
        using var statements = new Kpm.Server.Storage.Sqlite.PreparedStatements(connection);
        return Kpm.Server.Storage.Sqlite.VaultQueries.State(statements, account);
    }

    private static bool Same(KnownSubject one, KnownSubject? other) =>
        other is not null && one.Rev == other.Rev && one.Kind == other.Kind && (one.Tokens ?? []).SetEquals(other.Tokens ?? []);

    private string Describe() => $"{string.Join("; ", _installed.Select(i => $"{i.Device.Name}: {i.Engine.Describe()}"))}; told {string.Join(' ', _accounts.Select(a => a.Truth.Told))}";

    private void After(TimeSpan delay, Action work) => _scheduler.After(_fate, delay, work);

    private void Tell(string what) => _trace.Add($"{_scheduler.Now} {what}");

    private static SyncBug ToSyncBug(PlantedBug bug) => bug switch
    {
        PlantedBug.SyncLies => SyncBug.Lies,
        PlantedBug.LogNotSynced => SyncBug.NotTheLog,
        _ => SyncBug.None,
    };

    private static string? TriggerOf(PlantedBug bug) => bug switch
    {
        PlantedBug.ResultsNotStored => "CREATE TRIGGER planted BEFORE INSERT ON op_result BEGIN SELECT RAISE(IGNORE); END",
        PlantedBug.ConflictsNotStored => "CREATE TRIGGER planted BEFORE INSERT ON op_result WHEN NEW.outcome = 2 BEGIN SELECT RAISE(IGNORE); END",
        PlantedBug.HistoryDropped => "CREATE TRIGGER planted AFTER INSERT ON change BEGIN UPDATE change SET envelope = NULL WHERE account_id = NEW.account_id AND subject_id = NEW.subject_id AND rev < NEW.rev; END",
        _ => null,
    };

    private static void Require(bool holds, string guarantee, string what)
    {
        if (!holds)
        {
            throw new ViolationException(guarantee, what);
        }
    }
}
