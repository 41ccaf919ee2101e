using Kpm.Server.Messaging;

namespace Kpm.Server.Verification.Checks;

/// <summary>Counters and Security Checks. Each writing method is one transaction.</summary>
internal interface IGuardStore
{
    /// <summary>Two counters as they stand together; the client's only where it is asked for.</summary>
    ValueTask<(CounterRow? Subject, CounterRow? Client)> FindAsync(byte[] subject, byte[]? client, CancellationToken cancellationToken);

    Task RecordAsync(IReadOnlyList<CounterStep> steps, CancellationToken cancellationToken);

    Task ClearAsync(byte[] subject, CancellationToken cancellationToken);

    /// <summary>
    /// Counts each use, and stores the check with its mail where there is one; or, while a counter is full, does nothing and
    /// tells until when.
    /// </summary>
    Task<DateTimeOffset?> UseAsync(IReadOnlyList<CounterUse> uses, NewCheck? check, OutgoingMail? mail, CancellationToken cancellationToken);

    /// <summary>Takes the check away, whatever the answer is, and tells whether it was right.</summary>
    Task<bool> TakeAsync(Guid checkId, byte[] answerHash, byte[]? addressHash, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Removes what has lapsed, then what is more than there may be: of the checks those that end first, of the counters those
    /// with the fewest failures, oldest first. At most so many rows of each; false when nothing was left.
    /// </summary>
    Task<bool> SweepAsync(GuardSweep sweep, int most, CancellationToken cancellationToken);
}

/// <summary>Counters last touched before, checks that ended before, and how many of each may stay.</summary>
internal sealed record GuardSweep(DateTimeOffset CountersBefore, DateTimeOffset ChecksBefore, int MostCounters, int MostChecks);
