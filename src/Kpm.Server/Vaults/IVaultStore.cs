using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>The vaults of all accounts. Reads see durable data only.</summary>
internal interface IVaultStore
{
    /// <summary>Queues a Push. One transaction checks session and device, decides, and stores; the outcome comes through the push.</summary>
    void Push(VaultPush push);

    VaultState State(Guid accountId);

    /// <summary>Everything that opening a stream needs, from one snapshot.</summary>
    StreamStart Start(Guid accountId, Guid sessionId, Guid deviceId, ulong cursor);

    /// <summary>The vault as a session may see it: without the keyset while the session is under the hold after a password reset.</summary>
    VaultWithKeyset Vault(Guid accountId, Guid sessionId);

    /// <summary>The account's security events after one of them, in order, at most so many.</summary>
    IReadOnlyList<SecurityEvent> SecurityEvents(Guid accountId, ulong afterSeq, int most);

    /// <summary>
    /// The changes after a seq, in order, without a gap: at most <paramref name="maxEntries"/>, and no further one once
    /// <paramref name="maxBytes"/> are reached.
    /// </summary>
    IReadOnlyList<Change> Changes(Guid accountId, ulong afterSeq, int maxEntries, int maxBytes);

    /// <summary>Directory entries after a seq, in the order of the log.</summary>
    IReadOnlyList<DeviceKey> DeviceKeys(Guid accountId, ulong afterSeq, int maxEntries);

    /// <summary>Notes how far a device has acknowledged the log; never less than before.</summary>
    Task SaveAcknowledgedAsync(Guid accountId, Guid deviceId, ulong seq, CancellationToken cancellationToken);

    /// <summary>Notes that a device has received its revocation.</summary>
    Task SaveRevocationReceiptAsync(Guid accountId, Guid deviceId, CancellationToken cancellationToken);

    /// <summary>What was noted of each device.</summary>
    IReadOnlyDictionary<Guid, DeviceActivity> Progress(Guid accountId);
}

/// <summary>Where a stream begins.</summary>
internal sealed record StreamStart
{
    public required VaultState State { get; init; }

    /// <summary>The session is live, and its device not revoked.</summary>
    public required bool SessionLive { get; init; }

    /// <summary>Until when the wrapped keys are withheld from the session; null for no hold.</summary>
    public required DateTimeOffset? KeysHeldUntil { get; init; }

    /// <summary>The newest of the account's security events; 0 before the first.</summary>
    public required ulong LastEventSeq { get; init; }

    /// <summary>The device's greatest op_seq with a durable result.</summary>
    public required ulong LastOpSeq { get; init; }

    /// <summary>The newest checkpoint; null before the first.</summary>
    public required StoredCheckpoint? Checkpoint { get; init; }

    /// <summary>The chain hash at the cursor; null where the log has no such entry.</summary>
    public required byte[]? ChainHashAtCursor { get; init; }
}

/// <summary>A vault's state and its newest keyset, from one snapshot; without the keyset until the hold ends, if there is one.</summary>
internal sealed record VaultWithKeyset(VaultState State, Keyset? Keyset, DateTimeOffset? KeysHeldUntil);
