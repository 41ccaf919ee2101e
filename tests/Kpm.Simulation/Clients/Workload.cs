namespace Kpm.Simulation.Clients;

/// <summary>What the devices of one account do, and how much at once.</summary>
internal sealed class Workload(IReadOnlyList<Guid> items, int operationsInFlight, int operationsPerPush)
{
    private readonly HashSet<Guid> _created = [];
    private int _tokens;
    private int _batches;

    public IReadOnlyList<Guid> Items => items;

    public int OperationsInFlight => operationsInFlight;

    public int OperationsPerPush => operationsPerPush;

    /// <summary>True once for each item: a real client makes it, and it has one id.</summary>
    public bool MayCreate(Guid item) => _created.Add(item);

    /// <summary>A value that nobody else ever writes.</summary>
    public int NextToken() => ++_tokens;

    public int NextBatch() => ++_batches;
}
