namespace Kpm.Server.Verification.TwoStep;

/// <summary>An account's authenticator app.</summary>
internal sealed record AuthenticatorRow
{
    public required Guid AccountId { get; init; }

    /// <summary>Sealed.</summary>
    public required byte[] Secret { get; init; }
    public required DateTimeOffset AddedAt { get; init; }

    /// <summary>The newest step that was accepted.</summary>
    public required long LastStep { get; init; }
}

/// <summary>The number that an account's codes go to.</summary>
internal sealed record PhoneRow
{
    public required Guid AccountId { get; init; }

    /// <summary>Sealed.</summary>
    public required byte[] Number { get; init; }
    public required DateTimeOffset AddedAt { get; init; }
}

/// <summary>A recovery code's fate.</summary>
internal sealed record RecoveryCodeRow
{
    public required int Number { get; init; }
    public required DateTimeOffset? UsedAt { get; init; }
}

/// <summary>What an account has.</summary>
internal sealed record FactorRows(AuthenticatorRow? Authenticator, PhoneRow? Phone, IReadOnlyList<RecoveryCodeRow> RecoveryCodes)
{
    /// <summary>A second step is asked for at sign-in.</summary>
    public bool Enabled => Authenticator is not null || Phone is not null;
}

/// <summary>A device that skips the second step.</summary>
internal sealed record TrustedDeviceRow
{
    public required Guid DeviceId { get; init; }
    public required string Name { get; init; }
    public required DateTimeOffset TrustedAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>A place in the list of trusted devices.</summary>
internal sealed record TrustedDevicePosition(DateTimeOffset TrustedAt, Guid DeviceId);

/// <summary>Trust in a device, as it is made.</summary>
internal sealed record NewTrust(byte[] TokenHash, DateTimeOffset ExpiresAt);
