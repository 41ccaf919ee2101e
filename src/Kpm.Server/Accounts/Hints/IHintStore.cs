namespace Kpm.Server.Accounts.Hints;

/// <summary>What hints are made of. Reads only: hints themselves are not stored.</summary>
internal interface IHintStore
{
    /// <summary>
    /// The active accounts with a live session on a device of this shared key, newest session first; of an account its newest one.
    /// </summary>
    ValueTask<IReadOnlyList<HintRow>> ListAsync(byte[] sharedKey, DateTimeOffset now, int most, CancellationToken cancellationToken);

    /// <summary>The account is still one of these.</summary>
    ValueTask<bool> HasAsync(byte[] sharedKey, Guid accountId, DateTimeOffset now, CancellationToken cancellationToken);
}

/// <summary>An account that an app of the device is signed in to.</summary>
internal sealed record HintRow
{
    public required Guid AccountId { get; init; }
    public required string Email { get; init; }
    public required bool HasPassword { get; init; }
    public required string ApplicationId { get; init; }
    public required DateTimeOffset SignedInAt { get; init; }
}
