namespace Kpm.Server.Tests.Faults.Histories;

/// <summary>The rules that a history keeps, under the guarantee that each belongs to.</summary>
internal enum Rule
{
    /// <summary>G1: one writes on the revision that is there, and the revisions of a subject count up by one.</summary>
    Revisions,

    /// <summary>G1: what was begun after another was known comes after it.</summary>
    RealTime,

    /// <summary>G1: a conflict names a revision that was there while the operation was under way.</summary>
    ImpossibleConflict,

    /// <summary>G1: who asks where the log stands gets no less than anybody was told before.</summary>
    StaleRead,

    /// <summary>G1: all see the same log.</summary>
    Fork,

    /// <summary>G2: what was acknowledged is at its place in the log.</summary>
    Lost,

    /// <summary>G2: what was refused is not in the log, and what nobody sent is not either.</summary>
    NotAsSent,

    /// <summary>G3: an operation is in the log once at most.</summary>
    Doubled,

    /// <summary>G3: who sends again gets the same answer.</summary>
    ChangedAnswer,

    /// <summary>G4: no gap, no reordering, no duplicate, in the log or in a stream.</summary>
    Gap,

    /// <summary>G5: nothing at or below a bookmark is still to come.</summary>
    FalseBookmark,

    /// <summary>G6: what is asked with min_seq has reached it.</summary>
    MinSeq,

    /// <summary>G7: an atomic Push is whole or not there, together, and no bookmark is inside it.</summary>
    SplitBatch,
}

internal sealed record Violation(Rule Rule, string What);
