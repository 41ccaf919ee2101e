namespace Kpm.Simulation.Clients;

/// <summary>What the devices of one account do, and how much at once.</summary>
internal sealed class Workload(IReadOnlyList<Guid> items, int operationsInFlight, int operationsPerPush)
{
    private int _tokens;
    private int _batches;

    public IReadOnlyList<Guid> Items => items;

    public int OperationsInFlight => operationsInFlight;

    public int OperationsPerPush => operationsPerPush;

    /// <summary>A value that nobody else ever writes.</summary>
    public int NextToken() => ++_tokens;

    public int NextBatch() => ++_batches;
}
