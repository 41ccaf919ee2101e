using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>An account as it is stored.</summary>
internal sealed record AccountRow
{
    public required Guid AccountId { get; init; }
    public required string Email { get; init; }
    public required string EmailKey { get; init; }

    /// <summary>Null where the account has only identities of other providers.</summary>
    public required string? PasswordHash { get; init; }
    public required AccountState State { get; init; }
    public required string Region { get; init; }
    public required string Language { get; init; }
    public required bool MarketingConsent { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset? LapsesAt { get; init; }

    /// <summary>Two-step verification is on.</summary>
    public bool TwoStepEnabled { get; init; }

    /// <summary>The newest reset by mail.</summary>
    public DateTimeOffset? PasswordResetAt { get; init; }

    /// <summary>Since when support has suspended the account.</summary>
    public DateTimeOffset? SuspendedAt { get; init; }

    /// <summary>When its owner's deletion takes effect.</summary>
    public DateTimeOffset? DeletesAt { get; init; }
}

/// <summary>A decision about marketing mail.</summary>
internal sealed record ConsentRow
{
    public required bool Given { get; init; }
    public required string TextVersion { get; init; }
    public required string Source { get; init; }
    public required DateTimeOffset DecidedAt { get; init; }
}

/// <summary>A device as it is stored.</summary>
internal sealed record DeviceRow
{
    public required Guid DeviceId { get; init; }
    public required Guid AccountId { get; init; }
    public required string Name { get; init; }
    public required Platform Platform { get; init; }
    public required string ApplicationId { get; init; }
    public required string ApplicationVersion { get; init; }
    public required byte[] SigningKey { get; init; }

    /// <summary>The key that the apps of one product family share on the device; null for none.</summary>
    public byte[]? SharedKey { get; init; }
    public required DateTimeOffset LinkedAt { get; init; }
    public required DateTimeOffset LastSeenAt { get; init; }
    public required DateTimeOffset? RevokedAt { get; init; }

    /// <summary>Its live session; null for none, and for a device that is to be stored.</summary>
    public Guid? SessionId { get; init; }

    /// <summary>Until when the session is no way to the wrapped keys.</summary>
    public DateTimeOffset? KeysHeldUntil { get; init; }
}

/// <summary>A session as it is made: hashes of its first tokens.</summary>
internal sealed record NewSession
{
    public required Guid SessionId { get; init; }
    public required Guid AccountId { get; init; }
    public required Guid DeviceId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset EndsAt { get; init; }
    public required byte[] AccessHash { get; init; }
    public required DateTimeOffset AccessExpiresAt { get; init; }
    public required byte[] RefreshHash { get; init; }
    public required DateTimeOffset RefreshExpiresAt { get; init; }

    /// <summary>Until then the session is no way to the wrapped keys; null for no hold.</summary>
    public DateTimeOffset? KeysHeldUntil { get; init; }
}

/// <summary>What a refresh needs to know about a session.</summary>
internal sealed record SessionRow
{
    public required Guid SessionId { get; init; }
    public required Guid AccountId { get; init; }
    public required Guid DeviceId { get; init; }
    public required byte[] SigningKey { get; init; }
    public required DateTimeOffset EndsAt { get; init; }
    public required DateTimeOffset AccessExpiresAt { get; init; }
    public required uint RefreshGeneration { get; init; }
    public required byte[] RefreshHash { get; init; }
    public required DateTimeOffset RefreshExpiresAt { get; init; }
    public required byte[]? FormerRefreshHash { get; init; }
    public required DateTimeOffset RefreshedAt { get; init; }
    public required DateTimeOffset? KeysHeldUntil { get; init; }
    public required DateTimeOffset? EndedAt { get; init; }
}

/// <summary>A session that was ended, with what is needed to tell its streams.</summary>
internal sealed record EndedSession(Guid AccountId, Guid SessionId);

/// <summary>An account that was removed, with the sessions that were live.</summary>
internal sealed record Removed(Guid AccountId, IReadOnlyList<Guid> Sessions);
