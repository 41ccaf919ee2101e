using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Kpm.Server.Accounts.Passwords;

/// <summary>
/// A thread that runs only when nothing else wants its core. A hash is a quarter of a second of arithmetic without a pause:
/// in the ordinary class of the scheduler every call that wakes on the same core waits for the rest of its time slice, several milliseconds.
/// Linux has a class for it (SCHED_IDLE); elsewhere the thread has the lowest priority there is.
/// </summary>
internal sealed class LeisureThread : IDisposable
{
    private const int SchedIdle = 5;

    private readonly object _gate = new();
    private HashWork? _work;
    private bool _stopping;

    public LeisureThread(string name)
    {
        new Thread(Run) { IsBackground = true, Name = name, Priority = ThreadPriority.Lowest }.Start();
    }

    /// <summary>
    /// Has the work done and waits for it. False when the machine gave the thread too little time, now or for earlier work
    /// that it still has: the caller does better to do it itself.
    /// </summary>
    public bool TryRun(HashWork work, TimeSpan patience)
    {
        var start = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            if (_work is not null)
            {
                return false;
            }

            _work = work;
            Monitor.PulseAll(_gate);
            while (_work is not null)
            {
                var left = patience - Stopwatch.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(_gate, left))
                {
                    return _work is null;
                }
            }

            return true;
        }
    }

    /// <summary>Ends the thread as soon as it has nothing to do. Not waited for: on a busy machine that may take long, and nobody needs what it still has.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void Run()
    {
        EnterIdleClass();
        while (Next() is { } work)
        {
            work.Run();
            lock (_gate)
            {
                _work = null;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private HashWork? Next()
    {
        lock (_gate)
        {
            while (_work is null && !_stopping)
            {
                Monitor.Wait(_gate);
            }

            return _work;
        }
    }

    /// <summary>A kernel that refuses leaves the thread in the ordinary class: slower for others, and nothing else.</summary>
    private static void EnterIdleClass()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = SetScheduler(0, SchedIdle, 0);
        }
    }

    /// <param name="thread">0 for the calling one.</param>
    /// <param name="policy">The scheduling class.</param>
    /// <param name="parameter">A struct sched_param: one int, the static priority, 0 for this class.</param>
    [DllImport("libc", EntryPoint = "sched_setscheduler")]
    private static extern int SetScheduler(int thread, int policy, in int parameter);
}
