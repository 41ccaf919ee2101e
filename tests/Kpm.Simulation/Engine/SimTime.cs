namespace Kpm.Simulation.Engine;

/// <summary>The clock of a process: its timers follow virtual time; what it says the time is can jump.</summary>
internal sealed class SimTime(Scheduler scheduler, SimProcess process) : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>How wrong the wall clock is.</summary>
    public TimeSpan Error { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => scheduler.Now.Ticks;

    public override DateTimeOffset GetUtcNow() => Start + scheduler.Now + Error;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimTimer(scheduler, process, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class SimTimer(Scheduler scheduler, SimProcess process, TimerCallback callback, object? state) : ITimer
    {
        private Alarm? _alarm;
        private TimeSpan _period;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _alarm?.Cancel();
            _alarm = null;
            _period = period;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                _alarm = scheduler.After(process, dueTime, Ring);
            }

            return true;
        }

        public void Dispose() => _alarm?.Cancel();

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Ring()
        {
            _alarm = _period > TimeSpan.Zero ? scheduler.After(process, _period, Ring) : null;
            callback(state);
        }
    }
}
