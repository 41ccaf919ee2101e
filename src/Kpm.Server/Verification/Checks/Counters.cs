namespace Kpm.Server.Verification.Checks;

/// <summary>What was counted for one act and subject.</summary>
internal sealed record CounterRow
{
    public required int Failures { get; init; }

    /// <summary>The times of the newest, newest last.</summary>
    public required IReadOnlyList<DateTimeOffset> Recent { get; init; }
    public required DateTimeOffset LastAt { get; init; }
    public required DateTimeOffset BlockedUntil { get; init; }

    /// <summary>How many of the newest lie within the window that ends now.</summary>
    public int Within(TimeSpan window, DateTimeOffset now) => Recent.Count(t => t + window > now);

    /// <summary>Until when there are at least so many within the window; null when there are fewer.</summary>
    public DateTimeOffset? FullUntil(int count, TimeSpan window, DateTimeOffset now) =>
        Recent.Count >= count && Recent[^count] + window is var until && until > now ? until : null;
}

/// <summary>One more on a counter; Next is a pure function and runs inside the write.</summary>
internal sealed record CounterStep(byte[] Subject, Func<CounterRow?, CounterRow> Next);

/// <summary>Something that is done only while none of its counters is full; FullUntil is a pure function.</summary>
internal sealed record CounterUse(CounterStep Step, Func<CounterRow?, DateTimeOffset?> FullUntil);

/// <summary>A check as it is stored.</summary>
internal sealed record NewCheck
{
    public required Guid CheckId { get; init; }
    public required byte[] AnswerHash { get; init; }

    /// <summary>Of the one address that the check serves; null for a picture.</summary>
    public required byte[]? AddressHash { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>The arithmetic of counters.</summary>
internal sealed class Counters(TimeProvider time, Limits limits)
{
    /// <summary>More are never asked about.</summary>
    private readonly int _kept = new[]
    {
        limits.SecurityCheckFailures, limits.SecurityCheckClientFailures, limits.SecurityCheckPicturesPerClient, limits.MailedChecksPerDay, limits.FederatedFlowsPerClient,
    }.Max();

    /// <summary>How a counter goes on after one more.</summary>
    public CounterRow Next(CounterRow? former, bool delays)
    {
        var now = time.Now();
        var failures = Remembered(former, now) + 1;
        return new CounterRow
        {
            Failures = failures,
            Recent = [.. (former?.Recent ?? []).TakeLast(_kept - 1), now],
            LastAt = now,
            BlockedUntil = delays ? now + Delay(failures) : now,
        };
    }

    /// <summary>The failures that still count towards the delay.</summary>
    public int Remembered(CounterRow? row, DateTimeOffset now) =>
        row is null || now - row.LastAt > limits.SignInFailureMemory ? 0 : row.Failures;

    private TimeSpan Delay(int failures)
    {
        var beyond = failures - limits.SignInFailuresBeforeDelay;
        return beyond < 0 ? TimeSpan.Zero
            : beyond > 30 ? limits.SignInLongestDelay
            : TimeSpan.FromTicks(Math.Min(limits.SignInLongestDelay.Ticks, limits.SignInFirstDelay.Ticks << beyond));
    }
}
