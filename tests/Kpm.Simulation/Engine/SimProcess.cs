namespace Kpm.Simulation.Engine;

/// <summary>
/// A process that can be killed: continuations of its asynchronous code and its timers come here, and stop for good when it
/// ends, in the middle of whatever it did.
/// </summary>
internal sealed class SimProcess(Scheduler scheduler, string name) : SynchronizationContext
{
    public string Name => name;

    public bool Ended { get; private set; }

    public void End() => Ended = true;

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (!Ended)
        {
            scheduler.Ready(this, d, state);
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("Nothing in a simulation waits for another thread.");

    public override SynchronizationContext CreateCopy() => this;

    public void Run(SendOrPostCallback work, object? state)
    {
        if (Ended)
        {
            return;
        }

        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            work(state);
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }
}
