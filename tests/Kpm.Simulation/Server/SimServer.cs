using Kpm.Server;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Rpc;
using Kpm.Server.Storage;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Vaults;
using Kpm.Server.Vaults.Streams;
using Kpm.Simulation.Disk;
using Kpm.Simulation.Engine;
using Kpm.Simulation.Network;
using Kpm.V1;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kpm.Simulation.Server;

/// <summary>
/// The server's own code from the stream down to SQLite, as a process that can be killed and started again on what its disk
/// kept. Not here: HTTP/2, authentication, the services of accounts.
/// </summary>
internal sealed class SimServer(Scheduler scheduler, SimDisk disk, string folder, Limits limits, PlantedBug bug) : IFatalExit, IDisposable
{
    private readonly List<SimLink> _links = [];
    private readonly List<SimLink> _everyLink = [];
    private readonly Queue<SqliteDatabase> _dead = new();
    private SqliteDatabase? _database;
    private StreamContext? _context;
    private VaultFeeds? _feeds;
    private SimTime? _time;
    private bool _turnDue;
    private int _boots;

    /// <summary>Null while the server is down.</summary>
    public SimProcess? Process { get; private set; }

    public IVaultStore Store => _context!.Store;

    public SqliteDatabase Database => _database!;

    /// <summary>How wrong its clock is, across restarts.</summary>
    public TimeSpan ClockError
    {
        get => field;
        set
        {
            field = value;
            if (_time is not null)
            {
                _time.Error = value;
            }
        }
    }

    public bool LoseHints
    {
        set
        {
            if (_feeds is not null)
            {
                _feeds.LoseHints = value;
            }
        }
    }

    public PlantedBug Bug => bug;

    public int Boots => _boots;

    /// <summary>Starts the process. False when the machine stopped meanwhile, or the disk refused.</summary>
    public bool Start()
    {
        disk.Stopped = Crashed;
        var process = Process = new SimProcess(scheduler, $"server {++_boots}");
        scheduler.Trace.Add($"{scheduler.Now} {process.Name} starts");
        _time = new SimTime(scheduler, process) { Error = ClockError };
        var started = false;
        process.Run(_ => started = Open(_time), null);
        if (!started || process.Ended)
        {
            if (!process.Ended)
            {
                disk.Stop(StopKind.Kill);
            }

            Crashed();
            return false;
        }

        return true;
    }

    private bool Open(SimTime time)
    {
        try
        {
            _database = SqliteDatabase.Open(Path.Combine(folder, "kpm.db"), this, time, NullLogger<SqliteDatabase>.Instance, writerThread: false);
        }
        catch (StartException e)
        {
            scheduler.Trace.Add($"{scheduler.Now} the server does not start: {e.InnerException?.Message}");
            return false;
        }

        _feeds = new VaultFeeds(limits);
        IVaultStore store = BuggyStore.Around(new SqliteVaultStore(_database, _feeds, limits, time), _feeds, bug);
        Jitter jitter = () => (scheduler.Random.NextDouble() * 2) - 1;
        _context = new StreamContext(store, new SqliteSnapshotStore(_database), _feeds, new SecurityFeed(), null!, null!, time, jitter, limits);
        return true;
    }

    /// <summary>The process ends at once, and the machine with it when the power goes.</summary>
    public void Stop(StopKind kind)
    {
        disk.Stop(kind);
        Crashed();
    }

    /// <summary>As on SIGTERM: streams are told, and a few seconds later everything is closed in order.</summary>
    public void Drain()
    {
        var process = Process!;
        scheduler.Trace.Add($"{scheduler.Now} {process.Name} drains");
        _feeds!.Drain();
        scheduler.After(process, TimeSpan.FromSeconds(3), () =>
        {
            _database!.Dispose();
            Crashed();
        });
    }

    /// <summary>A failed sync: the process exits, and nothing that it was about to say is said.</summary>
    public void Exit(string line)
    {
        if (Process is { Ended: false })
        {
            scheduler.Trace.Add($"{scheduler.Now} the server exits: {line}");
            disk.Stop(StopKind.Kill);
            Crashed();
        }
    }

    /// <summary>A new connection; false when nobody listens.</summary>
    public bool Accept(SimLink link, Caller caller)
    {
        if (Process is not { Ended: false } process)
        {
            return false;
        }

        _links.Add(link);
        process.Post(_ => _ = ServeAsync(link, caller), null);
        return true;
    }

    public SimLink Connect(SimProcess client, ILinkClient end, NetworkWeather weather, int number)
    {
        var link = new SimLink(scheduler, Process!, client, end, weather, number);
        _everyLink.Add(link);
        return link;
    }

    /// <summary>A unary Push; the answer comes on the server's process, and never when that is killed.</summary>
    public void Push(Caller caller, PushRequest request, Action<IReadOnlyList<OperationResult>?, Exception?> answer)
    {
        if (Process is { Ended: false } process)
        {
            process.Post(_ => _ = PushAsync(caller, request, answer), null);
        }
    }

    /// <summary>What happens between two steps: the writer is given its turn, the dead are buried.</summary>
    public void AfterStep()
    {
        while (_dead.TryDequeue(out var database))
        {
            database.Dispose();
        }

        if (Process is not { Ended: false } process)
        {
            return;
        }

        foreach (var link in _links)
        {
            link.LookAtTokens();
        }

        if (!_turnDue && _database!.Writer.HasWork)
        {
            _turnDue = true;

            // As long as a sync takes: while it runs the next group gathers.
            scheduler.After(process, TimeSpan.FromMilliseconds(scheduler.Random.NextDouble() * 4), () =>
            {
                _turnDue = false;
                _database!.Writer.Turn();
                if (Process is { Ended: false } && scheduler.Random.Next(8) == 0)
                {
                    _database!.Writer.Idle();
                }
            });
        }
    }

    public void Dispose()
    {
        if (Process is { Ended: false } process)
        {
            process.End();
            _database?.Dispose();
        }

        AfterStep();
        _everyLink.ForEach(link => link.Dispose());
    }

    private void Crashed()
    {
        if (Process is not { Ended: false } process)
        {
            if (Process is { Ended: true } && _database is not null)
            {
                _dead.Enqueue(_database);
                _database = null;
            }

            return;
        }

        scheduler.Trace.Add($"{scheduler.Now} {process.Name} is gone");
        process.End();
        if (_database is not null)
        {
            _dead.Enqueue(_database);
            _database = null;
        }

        _turnDue = false;
        foreach (var link in _links)
        {
            link.Cut(tellClient: true);
        }

        _links.Clear();
    }

    private async Task ServeAsync(SimLink link, Caller caller)
    {
        Exception? failure = null;
        try
        {
            if (await link.MoveNext(link.Call.CancellationToken))
            {
                var hello = link.Current.Hello;
                Constraints.Check(link.Current);
                StreamOpening.CheckPosition(hello.Generation, hello.Cursor, hello.ChainHash, "hello.");
                using var stream = new SyncStream(_context!, caller, BuggyWriter.Around(link, _context!, caller, bug), link.Call);
                await stream.RunAsync(link, hello, link.Call.CancellationToken);
            }
        }
        catch (Exception e)
        {
            failure = e;
        }

        link.ServerEnds(failure);
        _links.Remove(link);
    }

    private async Task PushAsync(Caller caller, PushRequest request, Action<IReadOnlyList<OperationResult>?, Exception?> answer)
    {
        try
        {
            answer(await PushRules.PushAsync(_context!.Store, caller, PushRules.Prepare(request.Operations, caller), request.Atomic), null);
        }
        catch (KpmException e)
        {
            answer(null, e);
        }
    }
}
