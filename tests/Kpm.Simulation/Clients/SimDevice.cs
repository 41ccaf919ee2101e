using Kpm.Server.Rpc;
using Kpm.Simulation.Engine;
using Kpm.Simulation.Network;
using Kpm.Simulation.Server;
using Kpm.V1;

namespace Kpm.Simulation.Clients;

/// <summary>The program on a device was killed at this point; it is thrown through whatever it did.</summary>
internal sealed class ClientCrashException : Exception;

/// <summary>
/// A device: the program around a sync engine, which connects, waits, gives up, and is killed and started again; and the
/// person who uses it.
/// </summary>
internal sealed class SimDevice(string name, Caller caller, SimServer server, Scheduler scheduler, Func<NetworkWeather> weather) : ILinkClient
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private SimProcess _process = new(scheduler, name);
    private IClientEngine _engine = null!;
    private SimLink? _link;
    private TimeSpan _heardAt;
    private bool _unaryUnderWay;
    private int _links;
    private int _starts = 1;

    public string Name => name;

    public Caller Caller => caller;

    public IClientEngine Engine => _engine;

    public bool IsConnected => _link is not null;

    public void Install(IClientEngine engine)
    {
        _engine = engine;
        Later(TimeSpan.FromSeconds(scheduler.Random.NextDouble() * 5), Connect);
        Watchdog();
    }

    /// <summary>The person does something on this device.</summary>
    public void Act() => _process.Run(_ => Guard(() =>
    {
        _engine.Act();
        if (_link is not null)
        {
            _engine.Send(Send);
        }
        else if (!_unaryUnderWay && scheduler.Random.Next(3) == 0)
        {
            PushUnary();
        }
    }), null);

    public void CutConnection()
    {
        if (_link is { } link)
        {
            Trace("is cut off");
            link.Cut(tellClient: true);
        }
    }

    /// <summary>The device goes to sleep: nothing is read or said for a while.</summary>
    public void Sleep(TimeSpan howLong)
    {
        if (_link is not null)
        {
            Trace($"sleeps for {howLong}");
            _link.PauseDelivery(scheduler.Now + howLong);
            _heardAt = scheduler.Now + howLong;
        }
    }

    /// <summary>The program is killed, and started again some time later.</summary>
    public void Crash()
    {
        Trace("is killed");
        _process.End();
        _link?.Cut(tellClient: false);
        _link = null;
        _unaryUnderWay = false;
        _engine.Crashed();
        _process = new SimProcess(scheduler, $"{name} {++_starts}");
        Later(TimeSpan.FromSeconds(scheduler.Random.NextDouble() * 10), Connect);
        Watchdog();
    }

    void ILinkClient.Received(SimLink link, SyncResponse message)
    {
        if (link != _link)
        {
            return;
        }

        _heardAt = scheduler.Now;
        Trace($"link {link.Number} hears {Describe(message)}");
        Guard(() =>
        {
            if (_engine.Take(message, Send) == ClientVerdict.Resume && link == _link)
            {
                Drop();
                Reconnect(message.GoAway?.RetryAfter?.ToTimeSpan());
            }
        });
    }

    void ILinkClient.Ended(SimLink link, Exception? failure)
    {
        if (link != _link)
        {
            return;
        }

        Trace($"link {link.Number} ends: {(failure as KpmException)?.Reason.ToString() ?? failure?.GetType().Name}");
        if (failure is KpmException { Reason: not (ErrorReason.Unavailable or ErrorReason.RateLimited) } refusal)
        {
            throw new ViolationException(refusal.Reason == ErrorReason.MinSeqNotReached ? "G6" : "G4", $"an honest client's stream ended with {refusal.Reason}");
        }

        if (failure is not (null or KpmException or IOException or OperationCanceledException))
        {
            throw new ViolationException("Server", $"a stream ended with {failure}");
        }

        _link = null;
        _engine.Closed();
        Reconnect((failure as KpmException)?.RetryAfter);
    }

    void ILinkClient.Lost(SimLink link)
    {
        if (link == _link)
        {
            Trace($"link {link.Number} is lost");
            _link = null;
            _engine.Closed();
            Reconnect(null);
        }
    }

    private void Connect()
    {
        if (_link is not null || _unaryUnderWay)
        {
            return;
        }

        if (server.Process is not { Ended: false })
        {
            Reconnect(null);
            return;
        }

        Guard(() =>
        {
            var hello = _engine.Open();
            _link = server.Connect(_process, this, weather(), ++_links);
            server.Accept(_link, caller);
            _heardAt = scheduler.Now;
            Trace($"link {_links} says hello at {hello.Cursor}, min {hello.MinSeq}");
            _link.Send(new SyncRequest { Hello = hello });
        });
    }

    private void Reconnect(TimeSpan? after)
    {
        var wait = TimeSpan.FromSeconds(0.5 + (scheduler.Random.NextDouble() * 8));
        Later(after > wait ? after.Value : wait, Connect);
    }

    private void Drop()
    {
        _link?.Cut(tellClient: false);
        _link = null;
        _engine.Closed();
    }

    private void Send(SyncRequest message)
    {
        Trace($"says {message.MessageCase} {message.Ack?.Seq}{(message.Push is { } push ? string.Join(',', push.Operations.Select(o => o.OpSeq)) + (push.Atomic ? " atomic" : "") : "")}");
        _link?.Send(message);
    }

    /// <summary>Without a stream: a call that may come twice, and whose answer may be lost.</summary>
    private void PushUnary()
    {
        var request = _engine.TakeUnary();
        if (request.Operations.Count == 0)
        {
            return;
        }

        Trace($"calls Push {string.Join(',', request.Operations.Select(o => o.OpSeq))}{(request.Atomic ? " atomic" : "")}");
        _unaryUnderWay = true;
        var process = _process;
        var answered = false;
        var times = scheduler.Random.Next(4) == 0 ? 2 : 1;
        for (var i = 0; i < times; i++)
        {
            Later(weather().Delay(scheduler.Random), () => server.Push(caller, request.Clone(), (results, failure) =>
            {
                var lost = scheduler.Random.Next(4) == 0;
                if (!lost && results is not null)
                {
                    scheduler.After(process, weather().Delay(scheduler.Random), () =>
                    {
                        Trace($"hears {string.Join(", ", results.Select(Describe))}");
                        answered = true;
                        Guard(() => _engine.TakeResults(results));
                    });
                }
            }));
        }

        Later(TimeSpan.FromSeconds(10), () =>
        {
            Trace(answered ? "goes on" : "gives the call up");
            _unaryUnderWay = false;
            Connect();
        });
    }

    /// <summary>A connection on which nothing is heard for long is dead, whatever the network says.</summary>
    private void Watchdog() => Later(Patience / 3, () =>
    {
        if (_link is not null && scheduler.Now - _heardAt > Patience)
        {
            Trace("has heard nothing for long");
            Drop();
            Reconnect(null);
        }

        Watchdog();
    });

    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (ClientCrashException)
        {
            Crash();
        }
    }

    private void Later(TimeSpan delay, Action work) => scheduler.After(_process, delay, work);

    private void Trace(string what) => scheduler.Trace.Add($"{scheduler.Now} {name} {what}");

    private static string Describe(SyncResponse message) => message.MessageCase switch
    {
        SyncResponse.MessageOneofCase.Welcome => $"Welcome head {message.Welcome.HeadSeq}, last op {message.Welcome.LastOpSeq}",
        SyncResponse.MessageOneofCase.Changes => $"Changes {message.Changes.PrevSeq}+{message.Changes.Entries.Count}{(message.Changes.Entries[^1].MoreInBatch ? "…" : "")}",
        SyncResponse.MessageOneofCase.CaughtUp => $"CaughtUp {message.CaughtUp.Seq}",
        SyncResponse.MessageOneofCase.Ping => $"Ping {message.Ping.HeadSeq}",
        SyncResponse.MessageOneofCase.OpResult => Describe(message.OpResult),
        SyncResponse.MessageOneofCase.GoAway => $"GoAway {message.GoAway.Reason}",
        _ => message.MessageCase.ToString(),
    };

    private static string Describe(OperationResult result) =>
        $"{result.OpSeq} {result.ResultCase} {result.Applied?.Seq}{result.Conflict?.Rev}{result.Rejected?.Reason}";
}
