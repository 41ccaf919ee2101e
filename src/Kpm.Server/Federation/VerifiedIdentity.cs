namespace Kpm.Server.Federation;

/// <summary>Whom a provider has vouched for. Issuer and subject are the identity; the address only is what the provider told.</summary>
internal sealed record VerifiedIdentity
{
    public required string ProviderId { get; init; }
    public required string Issuer { get; init; }
    public required string Subject { get; init; }

    /// <summary>Empty for none.</summary>
    public required string Email { get; init; }

    /// <summary>The provider vouches for the address, and is believed.</summary>
    public required bool EmailVerified { get; init; }

    /// <summary>Empty for none.</summary>
    public required string PersonName { get; init; }
}
