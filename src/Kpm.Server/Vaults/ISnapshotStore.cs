using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>The vault as it stood at a checkpoint.</summary>
internal interface ISnapshotStore
{
    /// <summary>The vault's newest checkpoint; null before the first.</summary>
    StoredCheckpoint? Newest(Guid accountId);

    /// <summary>
    /// The next rows of the snapshot as of a seq, behind one of its seqs: a look at some entries of the log, of which those count that nothing
    /// up to <paramref name="asOf"/> supersedes. Null once the log is compacted above <paramref name="asOf"/>.
    /// </summary>
    SnapshotPage? Rows(Guid accountId, ulong asOf, ulong afterSeq, Limits limits);
}

/// <param name="Rows">In order of seq; the caller may change them.</param>
/// <param name="LastSeq">The last entry that was looked at.</param>
internal sealed record SnapshotPage(IReadOnlyList<Change> Rows, ulong LastSeq);
