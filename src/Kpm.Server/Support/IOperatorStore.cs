namespace Kpm.Server.Support;

/// <summary>An operator of support.</summary>
internal sealed record OperatorRow
{
    public required Guid OperatorId { get; init; }
    public required string Name { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>To the minute; null for never.</summary>
    public required DateTimeOffset? LastUsedAt { get; init; }
}

/// <summary>Operators. Each writing method is one transaction.</summary>
internal interface IOperatorStore
{
    ValueTask<OperatorRow?> FindAsync(byte[] credentialHash, CancellationToken cancellationToken);

    /// <summary>All, by name.</summary>
    ValueTask<IReadOnlyList<OperatorRow>> ListAsync(CancellationToken cancellationToken);

    /// <summary>False where the name is taken.</summary>
    Task<bool> AddAsync(OperatorRow row, string nameKey, byte[] credentialHash, CancellationToken cancellationToken);

    /// <summary>False where nobody has the name.</summary>
    Task<bool> RemoveAsync(string nameKey, CancellationToken cancellationToken);

    Task TouchAsync(Guid operatorId, DateTimeOffset at, CancellationToken cancellationToken);
}
