namespace Kpm.Server.Tests.Faults.Histories;

internal enum AnswerKind
{
    Applied,
    Conflict,
    Refused,
}

/// <summary>What a device was told of an operation. Seq is 0 unless applied.</summary>
internal sealed record Answer(AnswerKind Kind, ulong Seq, ulong Rev);

/// <summary>An operation as its device made it, and what the device knows of it. Times are of one clock for all.</summary>
internal sealed record HistoryOperation(string Device, ulong OpSeq, string Subject, ulong BaseRev, string Digest)
{
    /// <summary>Operations that were sent in one Push have the same.</summary>
    public required int Batch { get; init; }

    public bool Atomic { get; init; }

    /// <summary>Before the first byte of it was sent.</summary>
    public required long Invoked { get; init; }

    /// <summary>Each answer with the time when it was there; more than one when it was sent again.</summary>
    public List<(long At, Answer Answer)> Answers { get; init; } = [];
}

/// <summary>A change in the log, as the server or a stream shows it.</summary>
internal sealed record HistoryEntry(ulong Seq, string Device, ulong OpSeq, string Subject, ulong Rev, bool MoreInBatch, string Digest);

/// <summary>A question where the log stands, with its answer: the head and the chain hash there, in hex.</summary>
internal sealed record HeadRead(long Invoked, long Returned, ulong MinSeq, ulong Head, string Chain);

/// <summary>Something that a stream brought: changes after Prev up to Seq, or a bookmark at Seq.</summary>
internal sealed record StreamEvent(long At, StreamEventKind Kind, ulong Seq, ulong Prev = 0, IReadOnlyList<HistoryEntry>? Entries = null);

internal enum StreamEventKind
{
    Welcome,
    Changes,
    CaughtUp,
    Ping,
}

/// <summary>One stream from its Hello to its end.</summary>
internal sealed record StreamHistory(string Device, long Opened, ulong Cursor, ulong MinSeq, List<StreamEvent> Events);

/// <summary>Everything that the devices of one account did and saw, and the log as it is at the end.</summary>
internal sealed record AccountHistory(
    IReadOnlyList<HistoryOperation> Operations, IReadOnlyList<HeadRead> Reads, IReadOnlyList<StreamHistory> Streams, IReadOnlyList<HistoryEntry> Log, IReadOnlyList<string> Chain);
