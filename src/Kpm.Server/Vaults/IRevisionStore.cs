using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>The history of items, deleted ones included.</summary>
internal interface IRevisionStore
{
    /// <summary>Revisions of an item below one, newest first.</summary>
    IReadOnlyList<Revision> Revisions(Guid accountId, Guid itemId, ulong belowRev, int most);

    /// <summary>A revision as it stands in the log; null where there is none, or the subject is no item.</summary>
    Change? Revision(Guid accountId, Guid itemId, ulong rev);

    /// <summary>Deleted items whose tombstone stands below a seq, newest deletion first.</summary>
    IReadOnlyList<TrashedRow> Trash(Guid accountId, ulong belowSeq, int most);

    /// <summary>Removes, for good, the envelopes of items that were deleted before a time, some of them at once; false when there are none left.</summary>
    Task<bool> PurgeAsync(DateTimeOffset deletedBefore, int most, CancellationToken cancellationToken);
}

/// <summary>A deleted item.</summary>
internal sealed record TrashedRow
{
    public required Guid ItemId { get; init; }

    /// <summary>The tombstone's revision.</summary>
    public required ulong Rev { get; init; }

    /// <summary>The tombstone's place in the log.</summary>
    public required ulong Seq { get; init; }

    public required DateTimeOffset DeletedAt { get; init; }

    /// <summary>The newest revision before the tombstone whose envelope is kept; 0 for none.</summary>
    public required ulong RestorableRev { get; init; }

    /// <summary>Bytes of the envelopes that are kept.</summary>
    public required ulong Bytes { get; init; }
}
