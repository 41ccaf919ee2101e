namespace Kpm.Simulation.Engine;

/// <summary>
/// The one thread of a simulation. What could run at the same moment is run in an order that the seed chooses; when nothing
/// can run, time jumps to the next timer. No real clock, no thread pool.
/// </summary>
internal sealed class Scheduler(Random random, Trace trace)
{
    private readonly List<(SimProcess Process, SendOrPostCallback Work, object? State)> _ready = [];
    private readonly PriorityQueue<Alarm, (long At, long Order)> _alarms = new();
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private long _order;

    /// <summary>Virtual time since the beginning, unmoved by jumps of anybody's clock.</summary>
    public TimeSpan Now { get; private set; }

    public Trace Trace => trace;

    public Random Random => random;

    public long Steps { get; private set; }

    /// <summary>Work of a process that may run at once.</summary>
    /// <exception cref="SimulationException">Another thread asks: the run would not repeat.</exception>
    public void Ready(SimProcess process, SendOrPostCallback work, object? state)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            throw new SimulationException($"A second thread does work of {process.Name}; the run would not repeat.");
        }

        _ready.Add((process, work, state));
    }

    /// <summary>Work of a process for later; it does not happen when the process has ended by then.</summary>
    public Alarm After(SimProcess process, TimeSpan delay, Action work)
    {
        var alarm = new Alarm(process, work);
        _alarms.Enqueue(alarm, ((Now + delay).Ticks, _order++));
        return alarm;
    }

    /// <summary>Runs one piece of work; false when there is nothing before the end.</summary>
    public bool Step(TimeSpan end)
    {
        Steps++;
        if (_ready.Count > 0)
        {
            var index = random.Next(_ready.Count);
            var (process, work, state) = _ready[index];
            _ready[index] = _ready[^1];
            _ready.RemoveAt(_ready.Count - 1);
            process.Run(work, state);
            return true;
        }

        while (_alarms.TryPeek(out var alarm, out var key))
        {
            if (alarm.Cancelled || alarm.Process.Ended)
            {
                _alarms.Dequeue();
                continue;
            }

            if (key.At > end.Ticks)
            {
                break;
            }

            _alarms.Dequeue();
            Now = TimeSpan.FromTicks(Math.Max(Now.Ticks, key.At));
            alarm.Process.Run(static work => ((Action)work!)(), alarm.Work);
            return true;
        }

        Now = end;
        return false;
    }
}

/// <summary>Something that happens later, unless it is cancelled.</summary>
internal sealed class Alarm(SimProcess process, Action work)
{
    public SimProcess Process => process;

    public Action Work => work;

    public bool Cancelled { get; private set; }

    public void Cancel() => Cancelled = true;
}

/// <summary>The simulation itself can't go on as it should.</summary>
internal sealed class SimulationException(string message) : Exception(message);
