namespace Kpm.Tests.Disk;

/// <summary>What a disk can be asked to do.</summary>
internal enum DiskAction
{
    /// <summary>A file appears in its folder.</summary>
    Create,

    /// <summary>Bytes at an offset.</summary>
    Write,

    /// <summary>The file's length becomes the offset.</summary>
    Truncate,

    /// <summary>What was written to the file before is on the disk.</summary>
    Sync,

    /// <summary>The file disappears from its folder.</summary>
    Delete,
}

/// <summary>One request of SQLite to its disk.</summary>
/// <param name="Action">What is asked.</param>
/// <param name="File">The file's name, without its folder.</param>
internal sealed record DiskStep(DiskAction Action, string File)
{
    public long Offset { get; init; }

    public ReadOnlyMemory<byte> Bytes { get; init; }

    /// <summary>A Sync or Delete that also makes durable which files the folder has.</summary>
    public bool SyncsFolder { get; init; }

    public override string ToString() => Action switch
    {
        DiskAction.Write => $"write {File} {Offset}+{Bytes.Length}",
        DiskAction.Truncate => $"truncate {File} {Offset}",
        _ => $"{(Action switch { DiskAction.Create => "create", DiskAction.Sync => "sync", _ => "delete" })} {File}{(SyncsFolder ? " and its folder" : "")}",
    };
}

/// <summary>Sees every request to the files of one folder, and may answer in the disk's place. Called by the threads that write.</summary>
internal abstract class DiskTap
{
    /// <summary>The disk does it.</summary>
    public const int Proceed = 0;

    /// <summary>The disk does nothing and says that it did: a lost sync, a lost write.</summary>
    public const int Pretend = -1;

    /// <summary>Before the disk is asked: <see cref="Proceed"/>, <see cref="Pretend"/>, or SQLite's code of the error to answer with.</summary>
    public virtual int Before(DiskStep step) => Proceed;

    /// <summary>Once the disk has done it.</summary>
    public virtual void After(DiskStep step)
    {
    }
}
