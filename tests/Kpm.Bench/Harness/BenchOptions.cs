namespace Kpm.Bench.Harness;

/// <summary>The command line of a run.</summary>
internal sealed record BenchOptions
{
    /// <summary>Which cases to run; empty means all but those that take long.</summary>
    public required IReadOnlyList<string> Cases { get; init; }

    /// <summary>Pairs a figure, at least five for one to quote.</summary>
    public required int Pairs { get; init; }

    /// <summary>Length of each timed section.</summary>
    public required double Seconds { get; init; }

    /// <summary>Streams of P5.</summary>
    public required int Streams { get; init; }

    /// <summary>Only this size of P1 and P2 (devices, receivers); null for all.</summary>
    public required int? Size { get; init; }

    /// <summary>An etcd binary; null to look on PATH and then unpack Debian's package.</summary>
    public required string? Etcd { get; init; }

    /// <summary>Another Kpm.Server.dll than the one that was built with the bench.</summary>
    public required string? Server { get; init; }

    /// <summary>Where children keep their data: one folder each, removed at the end.</summary>
    public required string? Scratch { get; init; }

    /// <summary>Whether a case runs at this size.</summary>
    public bool Wants(int size) => Size == null || Size == size;

    public TimeSpan Duration => TimeSpan.FromSeconds(Seconds);
}
