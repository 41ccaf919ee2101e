using System.Text.Json.Serialization;
using Kpm.V1;

namespace Kpm.Server.Federation;

/// <summary>A flow at a provider, as its ticket keeps it between start and completion.</summary>
internal sealed record FederatedFlow
{
    public required string ProviderId { get; init; }
    public required FederatedPurpose Purpose { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required string Nonce { get; init; }

    /// <summary>Where the provider sends the browser back to; empty for an app that brings an id_token of the provider's SDK.</summary>
    public required string RedirectUri { get; init; }

    /// <summary>What the provider must give back with the code; empty without a redirect.</summary>
    public required string State { get; init; }

    /// <summary>The SHA-256 of the app's code verifier, in base64url; empty without a redirect.</summary>
    public required string CodeChallenge { get; init; }

    public bool ByBrowser => RedirectUri.Length > 0;
}

/// <summary>An identity that has no account yet, as its registration ticket keeps it.</summary>
internal sealed record RegistrationContent
{
    public required VerifiedIdentity Identity { get; init; }
}

/// <summary>What a re-authentication was proven with.</summary>
internal sealed record ReauthenticationContent
{
    public required string ProviderId { get; init; }
}

[JsonSerializable(typeof(FederatedFlow))]
[JsonSerializable(typeof(RegistrationContent))]
[JsonSerializable(typeof(ReauthenticationContent))]
internal sealed partial class FederationJson : JsonSerializerContext;
