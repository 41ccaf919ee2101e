using Kpm.Server;
using Kpm.Simulation.Network;

namespace Kpm.Simulation;

/// <summary>What can go wrong.</summary>
internal enum FaultKind
{
    Cut,
    Sleep,
    Kill,
    PowerLoss,
    KillAtWrite,
    PowerLossAtWrite,
    Drain,
    DiskFull,
    WriteError,
    SyncError,
    LostHints,
    ClockJump,
}

/// <summary>A fault that comes again and again.</summary>
internal sealed record FaultPlan(FaultKind Kind, TimeSpan Interval);

/// <summary>The world that a seed makes: its size, its limits, its network, and which faults it knows. Each seed has some of them, so that none hides another.</summary>
internal sealed class Climate
{
    public required int Accounts { get; init; }

    /// <summary>
    /// The devices run the client library itself. Its ids and ciphertexts come from the system's source of randomness, so that
    /// pages of databases differ between two runs: no fault may then depend on a count of writes.
    /// </summary>
    public required bool RealClients { get; init; }

    public required int Devices { get; init; }

    public required int Items { get; init; }

    public required int OperationsPerPush { get; init; }

    public required Limits Limits { get; init; }

    public required NetworkWeather Weather { get; init; }

    public required TimeSpan EditInterval { get; init; }

    /// <summary>How long there are edits and faults.</summary>
    public required TimeSpan Storm { get; init; }

    /// <summary>At one of so many transactions the program is killed; 0 for never.</summary>
    public required int ClientCrashes { get; init; }

    public required IReadOnlyList<FaultPlan> Faults { get; init; }

    public NetworkWeather Calm { get; } = new() { Latency = TimeSpan.FromMilliseconds(20), Hiccups = 0, LongestDeathNotice = TimeSpan.FromMilliseconds(100), Window = 64 };

    private static readonly FaultKind[] Counted = [FaultKind.KillAtWrite, FaultKind.PowerLossAtWrite, FaultKind.DiskFull, FaultKind.WriteError, FaultKind.SyncError];

    public static Climate Of(Random random, bool realClients) => new()
    {
        RealClients = realClients,
        Accounts = !realClients && random.Next(4) == 0 ? 2 : 1,
        Devices = random.Next(2, 5),
        Items = random.Next(1, 9),
        OperationsPerPush = random.Next(1, 6),
        Limits = LimitsOf(random),
        Weather = new NetworkWeather
        {
            Latency = TimeSpan.FromMilliseconds(random.NextDouble() * random.NextDouble() * 2000),
            Hiccups = random.Next(2) == 0 ? 0 : random.Next(10, 200),
            LongestDeathNotice = TimeSpan.FromSeconds(random.NextDouble() * 90),
            Window = random.Next(1, 65),
        },
        EditInterval = TimeSpan.FromSeconds(0.3 + (random.NextDouble() * 8)),
        Storm = TimeSpan.FromMinutes(1 + (random.NextDouble() * 4)),
        ClientCrashes = random.Next(2) == 0 ? 0 : random.Next(20, 300),
        Faults = [.. Enum.GetValues<FaultKind>().Where(kind => random.Next(5) < 2 && !(realClients && Counted.Contains(kind))).Select(kind => new FaultPlan(kind, TimeSpan.FromSeconds(3 + (random.NextDouble() * 40))))],
    };

    /// <summary>Small, so that pages, windows and histories have many ends.</summary>
    private static Limits LimitsOf(Random random) => new()
    {
        ChangesPerMessage = random.Next(1, 9),
        ChangesMessageBytes = random.Next(2) == 0 ? 4000 : 256 * 1024,
        UnacknowledgedChanges = random.Next(2, 25),
        UnacknowledgedBytes = random.Next(2) == 0 ? 8000 : 1024 * 1024,
        SharedChanges = random.Next(1, 17),
        OperationsInFlight = random.Next(4, 25),
        RevisionsPerSubject = (ulong)random.Next(2, 21),
    };
}
