using Kpm.V1;

namespace Kpm.Simulation.Clients;

/// <summary>How far an operation of the model has come.</summary>
internal enum OutState
{
    Queued,
    Sent,
    Applied,
    Conflicted,

    /// <summary>Its atomic Push was refused: it is made anew.</summary>
    Anew,
}

/// <summary>An operation that the device does not know to be in the log.</summary>
internal sealed class OutOperation
{
    public required MadeOperation Made { get; init; }

    public required Guid Subject { get; init; }

    public required string Hash { get; init; }

    public OutState State { get; set; }

    public int Batch { get; set; }

    public Operation Message => Made.Message;
}

/// <summary>The newest revision that the device knows of a subject. Its values are null while a superseded envelope waits for its successor.</summary>
internal sealed record KnownSubject(ulong Rev, OperationKind Kind, SortedSet<int>? Tokens);

/// <summary>What a model client keeps on its disk. A crash comes between two transactions, never inside one.</summary>
internal sealed class ModelStore
{
    public ulong Cursor { get; set; }

    public byte[] Chain { get; set; } = new byte[32];

    /// <summary>The last entry that was stored is followed by more of its atomic Push.</summary>
    public bool InsideBatch { get; set; }

    public ulong OpSeq { get; set; }

    /// <summary>The greatest seq of a result that was received: what min_seq asks for.</summary>
    public ulong AppliedSeq { get; set; }

    public SortedDictionary<ulong, OutOperation> Outbox { get; } = [];

    public Dictionary<Guid, KnownSubject> Subjects { get; } = [];
}
