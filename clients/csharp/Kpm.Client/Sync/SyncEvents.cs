using Kpm.Client.Kpm1;
using Kpm.V1;

namespace Kpm.Client.Sync;

/// <summary>Why synchronising stopped for good: the person must decide.</summary>
public enum SyncStop
{
    /// <summary>The server was restored from a backup, or rolled back: its vault has another generation.</summary>
    GenerationChanged,

    /// <summary>The server's log ends before what this device has seen: restored, or rolled back.</summary>
    CursorAhead,

    /// <summary>The server's log is not the one that this device has seen.</summary>
    ChainMismatch,

    /// <summary>Another program took over with this device's identity: the data folder was copied.</summary>
    Replaced,

    /// <summary>The session was signed out.</summary>
    SignedOut,

    /// <summary>The device was revoked, or its tokens were used twice.</summary>
    Revoked,

    /// <summary>The server says that this device was cloned.</summary>
    DeviceFork,

    /// <summary>The account password was changed or reset on another device.</summary>
    PasswordChanged,

    /// <summary>The account is going to be deleted, or is gone.</summary>
    AccountDeleted,

    /// <summary>Support suspended the account.</summary>
    AccountSuspended,
}

/// <summary>Synchronising stopped; what this device has stays as it is.</summary>
public sealed class SyncStoppedException : Exception
{
    /// <summary>Says why.</summary>
    /// <param name="reason">Why.</param>
    public SyncStoppedException(SyncStop reason)
        : base(reason.ToString()) => Reason = reason;

    /// <summary>Why.</summary>
    public SyncStop Reason { get; }
}

/// <summary>What happened while synchronising, for a program to show.</summary>
public abstract record SyncEvent
{
    /// <summary>Everything up to seq is here.</summary>
    /// <param name="Seq">The bookmark.</param>
    public sealed record CaughtUp(ulong Seq) : SyncEvent;

    /// <summary>A change was verified and stored.</summary>
    /// <param name="Seq">Its place in the log.</param>
    /// <param name="Kind">What was done.</param>
    /// <param name="Subject">The item, device or vault.</param>
    /// <param name="Rev">The revision that it made.</param>
    /// <param name="Device">The author.</param>
    /// <param name="Own">This device made it.</param>
    /// <param name="Enrolment">For a device: how it came into the directory.</param>
    public sealed record Changed(ulong Seq, OperationKind Kind, Guid Subject, ulong Rev, Guid Device, bool Own, Enrolment? Enrolment) : SyncEvent;

    /// <summary>Two devices had changed one item; the edits were merged.</summary>
    /// <param name="Item">The item.</param>
    /// <param name="NewlyKept">How many values lost and are kept inside the item.</param>
    public sealed record Merged(Guid Item, int NewlyKept) : SyncEvent;

    /// <summary>This device's deletion was given up for another device's edit.</summary>
    /// <param name="Item">The item.</param>
    public sealed record DeletionDropped(Guid Item) : SyncEvent;

    /// <summary>Another device's deletion was undone by this device's edit.</summary>
    /// <param name="Item">The item.</param>
    public sealed record Restored(Guid Item) : SyncEvent;

    /// <summary>The server refused an operation of this device for good; it stays in the queue for the person to see.</summary>
    /// <param name="Subject">The item.</param>
    /// <param name="Reason">Why, such as QUOTA_EXCEEDED.</param>
    public sealed record Refused(Guid Subject, string Reason) : SyncEvent;

    /// <summary>What the changes would have told came as a snapshot that a device of the vault has signed.</summary>
    /// <param name="Seq">The entry that it is as of.</param>
    /// <param name="Subjects">How many items, devices and keys it has.</param>
    public sealed record SnapshotTaken(ulong Seq, ulong Subjects) : SyncEvent;

    /// <summary>This device has signed what the vault is, for others to take as a snapshot.</summary>
    /// <param name="Seq">The entry that it is as of.</param>
    public sealed record CheckpointPublished(ulong Seq) : SyncEvent;

    /// <summary>The server did not take this device's checkpoint; nothing depends on it.</summary>
    /// <param name="Why">What it said.</param>
    public sealed record CheckpointRefused(string Why) : SyncEvent;

    /// <summary>The vault has new keys. The person's main password opens them, where this device could not take them over.</summary>
    /// <param name="KeyEpoch">The new epoch.</param>
    /// <param name="Adopted">This device has them already.</param>
    public sealed record Rekeyed(uint KeyEpoch, bool Adopted) : SyncEvent;

    /// <summary>A device was revoked in the log: nothing that it writes is accepted any more.</summary>
    /// <param name="Device">The device.</param>
    public sealed record DeviceRevoked(Guid Device) : SyncEvent;

    /// <summary>After a restored backup: this was not in the server's log any more and is sent again.</summary>
    /// <param name="Subject">The item, or the vault for its keys.</param>
    public sealed record Returned(Guid Subject) : SyncEvent;

    /// <summary>The vault is above 90 % of its quota.</summary>
    public sealed record NearlyFull : SyncEvent;

    /// <summary>Something happened to the account, on this or another device.</summary>
    /// <param name="Happened">The event, as the server tells it; only an export proves it.</param>
    public sealed record Security(SecurityEvent Happened) : SyncEvent;

    /// <summary>There is no connection; the next try follows.</summary>
    /// <param name="After">The time until the next try.</param>
    /// <param name="Why">What failed.</param>
    public sealed record Offline(TimeSpan After, string Why) : SyncEvent;
}
