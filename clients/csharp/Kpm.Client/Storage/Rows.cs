using Kpm.Client.Kpm1;

namespace Kpm.Client.Storage;

/// <summary>This device: its id, and its keys as PKCS #8. The ECDH key is sealed under AK's local key.</summary>
internal sealed record DeviceRow
{
    public required byte[] DeviceId { get; init; }

    public required byte[] SigningKey { get; init; }

    public byte[]? AgreementPublic { get; init; }

    public byte[]? AgreementKey { get; init; }

    public Guid Id => new(DeviceId, bigEndian: true);
}

/// <summary>The device's session with the server.</summary>
internal sealed record SessionRow
{
    public required string Server { get; init; }

    public required byte[] AccountId { get; init; }

    public required string Email { get; init; }

    public required string SessionId { get; init; }

    public required string AccessToken { get; init; }

    public required long AccessExpiresMs { get; init; }

    public required string RefreshToken { get; init; }

    public required long RefreshExpiresMs { get; init; }

    /// <summary>Until when this session can't fetch the wrapped keys, by what the server said last; null for no hold.</summary>
    public long? KeysHeldMs { get; init; }

    public Guid Account => new(AccountId, bigEndian: true);
}

/// <summary>Where the copy of the vault stands.</summary>
internal sealed record VaultRow
{
    public required string Server { get; init; }

    public required byte[] AccountId { get; init; }

    public required string Email { get; init; }

    public required long Generation { get; init; }

    public required long Seq { get; init; }

    public required byte[] ChainHash { get; init; }

    public required long LastGeneration { get; init; }

    public required long KeyEpoch { get; init; }

    public required long LeastIterations { get; init; }

    public required long LastOpSeq { get; init; }

    public byte[]? Keyset { get; init; }

    public byte[]? KeysetHeader { get; init; }

    /// <summary>The seq of the snapshot that the copy began with; 0 for a copy of the whole log.</summary>
    public required long SnapshotSeq { get; init; }

    /// <summary>The person has agreed to begin anew after a restored backup, and not all that was lost is back yet.</summary>
    public required bool Restoring { get; init; }

    /// <summary>The vault has a later key epoch than this device could take over by itself: the main password opens it.</summary>
    public required bool KeysBehind { get; init; }

    public Guid Account => new(AccountId, bigEndian: true);
}

/// <summary>The current revision of an item, a device or the keyset.</summary>
internal sealed record SubjectRow
{
    public required byte[] SubjectId { get; init; }

    public required long Kind { get; init; }

    public required long Rev { get; init; }

    public required long Seq { get; init; }

    public required byte[] Header { get; init; }

    public byte[]? Envelope { get; init; }

    public Guid Id => new(SubjectId, bigEndian: true);
}

internal sealed record DirectoryRow
{
    public required byte[] DeviceId { get; init; }

    public required long Enrolment { get; init; }

    public required byte[] SigningKey { get; init; }

    public required long LastOpSeq { get; init; }

    public required long ObservedSeq { get; init; }

    public required long Generation { get; init; }

    public required bool Revoked { get; init; }

    public Guid Id => new(DeviceId, bigEndian: true);

    public KnownDevice ToKnown() => new(SigningKey, (ulong)LastOpSeq, (ulong)ObservedSeq, (ulong)Generation, Revoked);
}

/// <summary>How far an operation of this device has come.</summary>
internal enum OutboxState
{
    /// <summary>Made and stored; never sent.</summary>
    Queued = 0,

    /// <summary>Sent at least once; only these bytes may be sent again.</summary>
    Sent = 1,

    /// <summary>The server said APPLIED; the row goes when the change comes back in the log.</summary>
    Applied = 2,

    /// <summary>The server said CONFLICT; the row is rebased when the other change is here.</summary>
    Conflicted = 3,

    /// <summary>The server refused it for good; kept for the person to see.</summary>
    Refused = 4,

    /// <summary>Part of an atomic Push that goes out by itself: the first device's set-up, or new keys.</summary>
    Setup = 5,

    /// <summary>Sent, and a snapshot has swallowed the part of the log where it may be: only its result tells.</summary>
    Unsure = 6,
}

/// <summary>An operation that is not in the log yet, with the revision that it was made on.</summary>
internal sealed record OutboxRow
{
    public required long OpSeq { get; init; }

    public required byte[] OpId { get; init; }

    public required long Kind { get; init; }

    public required byte[] SubjectId { get; init; }

    public required long BaseRev { get; init; }

    public required byte[] Header { get; init; }

    public required byte[] Signature { get; init; }

    public required byte[] Envelope { get; init; }

    public byte[]? BaseHeader { get; init; }

    public byte[]? BaseEnvelope { get; init; }

    public required long State { get; init; }

    public string? Refusal { get; init; }

    public Guid Subject => new(SubjectId, bigEndian: true);

    public OutboxState Standing => (OutboxState)State;
}
