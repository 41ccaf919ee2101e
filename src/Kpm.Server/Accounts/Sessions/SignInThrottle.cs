using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>Wrong passwords at an address.</summary>
internal sealed record FailureRow
{
    public required int Failures { get; init; }
    public required DateTimeOffset LastFailureAt { get; init; }
    public required DateTimeOffset BlockedUntil { get; init; }
}

/// <summary>A wrong password that is to be counted; Next is a pure function.</summary>
internal sealed record FailedSignIn(byte[] AddressHash, Func<FailureRow?, FailureRow> Next);

/// <summary>An attempt that has its turn. Dispose it once its outcome is stored.</summary>
internal sealed class SignInAttempt(byte[] addressHash, Action leave) : IDisposable
{
    public byte[] AddressHash => addressHash;

    public void Dispose() => leave();
}

/// <summary>
/// Delays guessing at one address, whether or not an account holds it: from the fifth wrong password on,
/// the next attempt has to wait, before anything is hashed. Attempts at the same time may together not be
/// more than are left until the delay, so that a burst gets no more guesses than a sequence.
/// </summary>
internal sealed class SignInThrottle(ISessionStore store, RootKey root, TimeProvider time, Limits limits)
{
    private readonly byte[] _key = root.Derive("address");
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Gate> _gates = new(StringComparer.Ordinal);

    /// <summary>Waits for this attempt's turn, or throws RATE_LIMITED.</summary>
    public async Task<SignInAttempt> EnterAsync(EmailAddress address, CancellationToken cancellationToken)
    {
        var hash = HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(address.Key));
        var gate = Join(Convert.ToHexStringLower(hash));
        try
        {
            while (true)
            {
                var someoneLeft = gate.SomeoneLeft.Task;
                var failures = await FailuresAsync(hash, cancellationToken);
                if (TryRun(gate, someoneLeft, Math.Max(1, limits.SignInFailuresBeforeDelay - failures)))
                {
                    return new SignInAttempt(hash, () => Leave(gate, ran: true));
                }

                await someoneLeft.WaitAsync(cancellationToken);
            }
        }
        catch
        {
            Leave(gate, ran: false);
            throw;
        }
    }

    /// <summary>How an address's failures go on after one more.</summary>
    public FailureRow Next(FailureRow? former)
    {
        var now = time.Now();
        var failures = Remembered(former, now) + 1;
        return new FailureRow { Failures = failures, LastFailureAt = now, BlockedUntil = now + Delay(failures) };
    }

    private TimeSpan Delay(int failures)
    {
        var beyond = failures - limits.SignInFailuresBeforeDelay;
        return beyond < 0 ? TimeSpan.Zero
            : beyond > 30 ? limits.SignInLongestDelay
            : TimeSpan.FromTicks(Math.Min(limits.SignInLongestDelay.Ticks, limits.SignInFirstDelay.Ticks << beyond));
    }

    private async ValueTask<int> FailuresAsync(byte[] addressHash, CancellationToken cancellationToken)
    {
        var row = await store.FindFailuresAsync(addressHash, cancellationToken);
        var now = time.Now();
        return row is not null && row.BlockedUntil > now
            ? throw Errors.RetryAfter(ErrorReason.RateLimited, row.BlockedUntil - now)
            : Remembered(row, now);
    }

    private int Remembered(FailureRow? row, DateTimeOffset now) =>
        row is null || now - row.LastFailureAt > limits.SignInFailureMemory ? 0 : row.Failures;

    private Gate Join(string key)
    {
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

    /// <summary>Not when someone has left since the failures were read: that one may have added to them.</summary>
    private bool TryRun(Gate gate, Task someoneLeft, int turns)
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

    private void Leave(Gate gate, bool ran)
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

            left = gate.SomeoneLeft;
            gate.SomeoneLeft = NewSignal();
        }

        left.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The attempts at one address.</summary>
    private sealed class Gate(string key)
    {
        public string Key => key;
        public int Users { get; set; }
        public int Running { get; set; }
        public TaskCompletionSource SomeoneLeft { get; set; } = NewSignal();
    }
}
