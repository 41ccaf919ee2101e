using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Verification.Checks;

/// <summary>An attempt that has its turn, or that must answer a check first. Dispose it once its outcome is stored.</summary>
internal sealed class GuardedAttempt(byte[] subject, bool hasFailures, IReadOnlyList<CounterStep> failure, SecurityCheckRequired? check, Action leave) : IDisposable
{
    /// <summary>Not null: answer with it, and look at nothing else of the request.</summary>
    public SecurityCheckRequired? Check => check;

    /// <summary>For the unit that stores a failure: SqliteGuardStore.Record.</summary>
    public IReadOnlyList<CounterStep> Failure => failure;

    /// <summary>For the unit that stores a success: SqliteGuardStore.Clear.</summary>
    public byte[] Subject => subject;

    /// <summary>There are failures to forget.</summary>
    public bool HasFailures => hasFailures;

    public void Dispose() => leave();
}

/// <summary>
/// Keeps guessing slow. Attempts (EnterAsync) count when they fail: after a few in a short time the next one must
/// answer a Security Check, after some more it has to wait, before anything is hashed, and whether or not an account is there.
/// Uses (UseAsync) count each time and only lead to a check.
/// </summary>
internal sealed class Guard(IGuardStore store, SecurityChecks checks, Counters counters, RootKey root, TimeProvider time, Limits limits)
{
    private readonly GuardKeys _keys = new(root);
    private readonly AttemptGates _gates = new(limits);

    /// <summary>Waits for this attempt's turn; throws RATE_LIMITED while attempts at the subject have to wait.</summary>
    public Task<GuardedAttempt> EnterAsync(GuardedAct act, GuardSubject subject, ServerCallContext context, SecurityCheckAnswer? answer) =>
        EnterAsync(act, subject, context.ClientAddress(), answer, context.CancellationToken);

    /// <summary>For acts that never lead to a check: re-authentication and second factors.</summary>
    public Task<GuardedAttempt> EnterAsync(GuardedAct act, GuardSubject subject, CancellationToken cancellationToken) =>
        MayDemandCheck(act) ? throw new ArgumentException($"{act} needs an answer to a check.", nameof(act)) : EnterAsync(act, subject, network: null, answer: null, cancellationToken);

    /// <summary>Counts this use. Not null: it was not counted; answer with the check, and look at nothing else of the request.</summary>
    public async Task<SecurityCheckRequired?> UseAsync(GuardedAct act, GuardSubject subject, ServerCallContext context, SecurityCheckAnswer? answer)
    {
        var network = context.ClientAddress();
        CounterUse[] Uses(bool passed) =>
        [
            new(Step(act, _keys.Of(act, subject)), row => passed ? null : SubjectFullUntil(row)),
            new(Step(act, _keys.OfClient(act, network)), row => passed ? null : ClientFullUntil(row)),
        ];

        if (await store.UseAsync(Uses(passed: false), null, null, context.CancellationToken) is null)
        {
            return null;
        }

        if (!await checks.PassesAsync(answer, subject.Address, context.CancellationToken))
        {
            return new SecurityCheckRequired { Check = await checks.NewPictureAsync(network, context.CancellationToken) };
        }

        await store.UseAsync(Uses(passed: true), null, null, context.CancellationToken);
        return null;
    }

    /// <summary>Counts a use by the client alone, for what anybody may ask and the server has to store; throws RATE_LIMITED beyond so many in the window.</summary>
    public async Task AdmitClientAsync(GuardedAct act, int most, ServerCallContext context)
    {
        var use = new CounterUse(Step(act, _keys.OfClient(act, context.ClientAddress()), delays: false), row => row?.FullUntil(most, limits.SecurityCheckWindow, time.Now()));
        if (await store.UseAsync([use], null, null, context.CancellationToken) is { } until)
        {
            throw Errors.RetryAfter(ErrorReason.RateLimited, until - time.Now());
        }
    }

    /// <summary>Counts a failure that no other write goes with. Not cancelled with the call: hanging up must not save a guess from being counted.</summary>
    public Task FailedAsync(GuardedAttempt attempt) => store.RecordAsync(attempt.Failure, CancellationToken.None);

    /// <summary>Counts a failure of a request that was refused before its attempt could begin.</summary>
    public Task FailedAsync(GuardedAct act, GuardSubject? subject, ServerCallContext context)
    {
        var client = Step(act, _keys.OfClient(act, context.ClientAddress()));
        return store.RecordAsync(subject is null ? [client] : [Step(act, _keys.Of(act, subject)), client], CancellationToken.None);
    }

    /// <summary>Forgets the subject's failures; the client's stay, or whoever has one account could guess at others for ever.</summary>
    public Task SucceededAsync(GuardedAttempt attempt, CancellationToken cancellationToken) =>
        attempt.HasFailures ? store.ClearAsync(attempt.Subject, cancellationToken) : Task.CompletedTask;

    /// <summary>For one turn of the sweeper: false when nothing was left to remove.</summary>
    public Task<bool> SweepAsync(CancellationToken cancellationToken)
    {
        var now = time.Now();
        return store.SweepAsync(new GuardSweep(now - limits.SignInFailureMemory, now, limits.GuardCounters, limits.OpenSecurityChecks), limits.SweepBatch, cancellationToken);
    }

    private async Task<GuardedAttempt> EnterAsync(GuardedAct act, GuardSubject subject, string? network, SecurityCheckAnswer? answer, CancellationToken cancellationToken)
    {
        var client = network is null ? null : _keys.OfClient(act, network);
        var key = _keys.Of(act, subject);
        var gate = _gates.Join(key);
        try
        {
            var passed = false;
            while (true)
            {
                var someoneLeft = gate.SomeoneLeft;
                var (row, clientRow) = await store.FindAsync(key, subject.OwnBudget ? null : client, cancellationToken);
                var now = time.Now();
                if (Delays(act) && row is not null && row.BlockedUntil > now)
                {
                    throw Errors.RetryAfter(ErrorReason.RateLimited, row.BlockedUntil - now);
                }

                if (network is not null && !passed && (SubjectFullUntil(row) ?? ClientFullUntil(clientRow)) is not null)
                {
                    if (!await checks.PassesAsync(answer, subject.Address, cancellationToken))
                    {
                        var check = new SecurityCheckRequired { Check = await checks.NewPictureAsync(network, cancellationToken) };
                        return new GuardedAttempt(key, row is not null, [], check, () => _gates.Leave(gate, ran: false));
                    }

                    // The counters may have gone on meanwhile, so they are read again.
                    passed = true;
                    continue;
                }

                if (_gates.TryRun(gate, someoneLeft, Turns(act, row, passed, now)))
                {
                    return new GuardedAttempt(key, row is not null, Steps(act, key, client), null, () => _gates.Leave(gate, ran: true));
                }

                await someoneLeft.WaitAsync(cancellationToken);
            }
        }
        catch
        {
            _gates.Leave(gate, ran: false);
            throw;
        }
    }

    private static bool MayDemandCheck(GuardedAct act) => act is not (GuardedAct.Reauthentication or GuardedAct.SecondFactor or GuardedAct.Operator);

    private static bool Delays(GuardedAct act) => act is GuardedAct.SignIn or GuardedAct.Reauthentication or GuardedAct.SecondFactor or GuardedAct.Operator;

    /// <summary>How many may run at once: as many as may fail before the next one must wait or answer a check.</summary>
    private int Turns(GuardedAct act, CounterRow? row, bool passed, DateTimeOffset now)
    {
        var untilDelay = Delays(act) ? limits.SignInFailuresBeforeDelay - counters.Remembered(row, now) : int.MaxValue;
        var untilCheck = MayDemandCheck(act) && !passed ? limits.SecurityCheckFailures - (row?.Within(limits.SecurityCheckWindow, now) ?? 0) : int.MaxValue;
        return Math.Max(1, Math.Min(untilDelay, untilCheck));
    }

    private DateTimeOffset? SubjectFullUntil(CounterRow? row) => row?.FullUntil(limits.SecurityCheckFailures, limits.SecurityCheckWindow, time.Now());

    private DateTimeOffset? ClientFullUntil(CounterRow? row) => row?.FullUntil(limits.SecurityCheckClientFailures, limits.SecurityCheckWindow, time.Now());

    private CounterStep[] Steps(GuardedAct act, byte[] subject, byte[]? client) => client is null ? [Step(act, subject)] : [Step(act, subject), Step(act, client, delays: false)];

    private CounterStep Step(GuardedAct act, byte[] subject) => Step(act, subject, Delays(act));

    private CounterStep Step(GuardedAct act, byte[] subject, bool delays) => new(subject, row => counters.Next(row, delays));
}

/// <summary>The keys of counters: keyed hashes, so that a stolen database does not list who was here.</summary>
internal sealed class GuardKeys(RootKey root)
{
    private readonly byte[] _key = root.Derive("guard");

    public byte[] Of(GuardedAct act, GuardSubject subject) => Hash(act, subject.Key);

    public byte[] OfClient(GuardedAct act, string network) => Hash(act, "client " + network);

    private byte[] Hash(GuardedAct act, string text) => HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{(int)act} {text}"));
}
