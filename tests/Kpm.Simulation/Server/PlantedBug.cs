namespace Kpm.Simulation.Server;

/// <summary>
/// Bugs that a simulation can be told to have, each around the code under test and never in it: in the disk, in triggers of
/// the database, in decorators of the server's ports, in the model of a client.
/// </summary>
internal enum PlantedBug
{
    None,

    /// <summary>The disk says that it has synced and has not: the same as acknowledging before the sync.</summary>
    SyncLies,

    /// <summary>The log of the database is not synced with a commit: synchronous=NORMAL.</summary>
    LogNotSynced,

    /// <summary>Results of operations are not stored.</summary>
    ResultsNotStored,

    /// <summary>Conflicts do not consume their op_seq.</summary>
    ConflictsNotStored,

    /// <summary>The envelope before the current one is dropped.</summary>
    HistoryDropped,

    /// <summary>An operation whose unit was rolled back is acknowledged.</summary>
    RefusalAcknowledged,

    /// <summary>Readers are told before the commit.</summary>
    PublishedBeforeCommit,

    /// <summary>What is cached of a vault survives a rollback.</summary>
    CacheKeptAfterRollback,

    /// <summary>A page of changes begins one entry too late.</summary>
    PageSkipsAnEntry,

    /// <summary>The last change of a page is taken for the end of its atomic Push.</summary>
    BatchEndsWithPage,

    /// <summary>Hints are lost, and no poll heals that.</summary>
    HintsNotHealed,

    /// <summary>A bookmark names the head in place of what was sent.</summary>
    BookmarkNamesHead,

    /// <summary>A stream begins with what an old reader saw, and min_seq is not waited for.</summary>
    StaleStart,

    /// <summary>The last change of a message is lost.</summary>
    ChangeLost,

    /// <summary>The client stores its cursor before the data.</summary>
    CursorBeforeData,

    /// <summary>The client acknowledges before it stores.</summary>
    AckBeforeStore,

    /// <summary>A rebase keeps the op_seq.</summary>
    RebaseKeepsOpSeq,

    /// <summary>A merge drops what the other device wrote.</summary>
    MergeDropsTheirs,

    /// <summary>A repeated operation is made anew under its old number.</summary>
    RepetitionMadeAnew,

    /// <summary>The client applies the beginning of an atomic Push.</summary>
    PartOfBatchApplied,

    /// <summary>The client takes what it has sent for done.</summary>
    SentTakenForDone,
}
