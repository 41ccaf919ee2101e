namespace Kpm.Server.Vaults;

/// <summary>Compaction of logs below their checkpoints.</summary>
internal interface ICompactionStore
{
    /// <summary>Accounts whose vaults have a checkpoint, in order, behind one of them.</summary>
    IReadOnlyList<Guid> Accounts(Guid? after, int most);

    /// <summary>
    /// Up to where a log can be compacted now, and whether it is worth while: below its newest checkpoint, and only what was committed before
    /// <paramref name="committedBefore"/>. Null where there is nothing to do.
    /// </summary>
    ulong? Due(Guid accountId, DateTimeOffset committedBefore, int least);

    /// <summary>
    /// Removes entries below a seq which a later one up to it supersedes and whose envelope is not kept, at most so many, and notes that the
    /// log is compacted up to it. How many were removed.
    /// </summary>
    Task<int> CompactAsync(Guid accountId, ulong seq, int most, CancellationToken cancellationToken);
}
