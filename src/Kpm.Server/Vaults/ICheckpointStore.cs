namespace Kpm.Server.Vaults;

/// <summary>Checkpoints, and the vault as it stood at their seq. Reads are short: what they tell of a seq never changes while it is not compacted.</summary>
internal interface ICheckpointStore
{
    /// <summary>The vault's newest checkpoint; null before the first.</summary>
    StoredCheckpoint? Newest(Guid accountId);

    /// <summary>What the log says at a seq, from one snapshot.</summary>
    LogPosition Position(Guid accountId, Guid deviceId, ulong seq);

    /// <summary>The newest revisions at or below a seq, in ascending order of the subject, behind one of them; looks at so many subjects.</summary>
    LeafPage Leaves(Guid accountId, ulong seq, Guid? after, int subjects);

    /// <summary>Keeps a checkpoint if it is newer than the one that is there. The seq of the newest one then; null where the vault's generation is another by now.</summary>
    /// <exception cref="SessionEndedException">The session is over.</exception>
    Task<ulong?> SaveAsync(NewCheckpoint checkpoint, CancellationToken cancellationToken);
}

/// <summary>A checkpoint as its author signed it.</summary>
internal sealed record StoredCheckpoint(ulong Seq, ulong Leaves, byte[] Bytes, byte[] Signature);

/// <param name="Leaves">In order; subjects that came after the seq have none.</param>
/// <param name="Last">The last subject that was looked at; null where there are no more.</param>
internal sealed record LeafPage(IReadOnlyList<SubjectLeaf> Leaves, Guid? Last);

/// <summary>A checkpoint that was compared with the log, and whose it is.</summary>
internal sealed record NewCheckpoint(Guid AccountId, Guid SessionId, Guid DeviceId, ulong Generation, StoredCheckpoint Checkpoint);

/// <summary>Where the log stands, and what it says at one seq.</summary>
internal sealed record LogPosition
{
    public required VaultState State { get; init; }

    /// <summary>The seq of the newest checkpoint; 0 before the first.</summary>
    public required ulong CheckpointSeq { get; init; }

    /// <summary>The device's entry in the directory stands at or below the seq.</summary>
    public required bool Enrolled { get; init; }

    /// <summary>The entry at the seq; null where the log has none.</summary>
    public required LogEntryFacts? Entry { get; init; }
}

/// <param name="ChainHash">The chain hash after the entry.</param>
/// <param name="KeyEpoch">The vault's key epoch after it.</param>
/// <param name="MoreInBatch">More of the same atomic Push follows it.</param>
internal sealed record LogEntryFacts(byte[] ChainHash, uint KeyEpoch, bool MoreInBatch);
