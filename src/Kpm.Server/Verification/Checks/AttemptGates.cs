using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Verification.Checks;

/// <summary>
/// Attempts at one subject that run at the same time may together not be more than are left, so that a burst gets no more
/// guesses than a sequence.
/// </summary>
internal sealed class AttemptGates(Limits limits)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Gate> _gates = new(StringComparer.Ordinal);

    /// <summary>Throws RATE_LIMITED where too many wait at the subject already. Leave it in any case.</summary>
    public Gate Join(byte[] subject)
    {
        var key = Convert.ToHexString(subject);
        lock (_lock)
        {
            if (!_gates.TryGetValue(key, out var gate))
            {
                gate = new Gate(key);
                _gates.Add(key, gate);
            }

            if (gate.Users >= limits.SignInsWaitingPerAddress)
            {
                throw Errors.RetryAfter(ErrorReason.RateLimited, limits.PasswordHashRetry);
            }

            gate.Users++;
            return gate;
        }
    }

    /// <summary>Takes one of the turns; not when someone has left since the counters were read: that one may have added to them.</summary>
    public bool TryRun(Gate gate, Task someoneLeft, int turns)
    {
        lock (_lock)
        {
            if (someoneLeft.IsCompleted || gate.Running >= turns)
            {
                return false;
            }

            gate.Running++;
            return true;
        }
    }

    public void Leave(Gate gate, bool ran)
    {
        TaskCompletionSource left;
        lock (_lock)
        {
            gate.Users--;
            gate.Running -= ran ? 1 : 0;
            if (gate.Users == 0)
            {
                _gates.Remove(gate.Key);
            }

            left = gate.Renew();
        }

        left.SetResult();
    }

    /// <summary>The attempts at one subject.</summary>
    internal sealed class Gate(string key)
    {
        private TaskCompletionSource _someoneLeft = NewSignal();

        public string Key => key;

        public int Users { get; set; }

        public int Running { get; set; }

        /// <summary>Take it before the counters are read.</summary>
        public Task SomeoneLeft => Volatile.Read(ref _someoneLeft).Task;

        public TaskCompletionSource Renew() => Interlocked.Exchange(ref _someoneLeft, NewSignal());

        private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
