namespace Kpm.Server.Rpc;

/// <summary>Who calls: the live session that the access token opened.</summary>
internal sealed record Caller
{
    public required Guid AccountId { get; init; }
    public required Guid SessionId { get; init; }
    public required Guid DeviceId { get; init; }

    /// <summary>False while the account is pending: it serves only the device that created it.</summary>
    public required bool Activated { get; init; }
    public required DateTimeOffset AccessExpiresAt { get; init; }

    /// <summary>The device's P-256 public key, 65 bytes.</summary>
    public required byte[] SigningKey { get; init; }
}
