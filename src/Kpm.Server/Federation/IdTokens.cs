using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Accounts;
using Kpm.Server.Rpc;
using Kpm.V1;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Kpm.Server.Federation;

/// <summary>Why an id_token does not hold; told to operators, not to callers.</summary>
internal enum IdTokenFault
{
    Unreadable,
    Type,
    Algorithm,
    Issuer,
    Key,
    Signature,
    Audience,
    Lifetime,
    IssuedAt,
    Nonce,
    AccessTokenHash,
    AuthTime,
    Subject,
}

/// <summary>What the token must fit.</summary>
internal sealed record IdTokenDemand
{
    public required string Nonce { get; init; }
    public required DateTimeOffset FlowStartedAt { get; init; }

    /// <summary>The access token that came with it; null for a token of the provider's SDK.</summary>
    public string? AccessToken { get; init; }

    /// <summary>The token was asked for by this server itself, so only its own client id will do.</summary>
    public required bool OwnAudience { get; init; }

    /// <summary>The person must have been asked since the flow was started.</summary>
    public required bool AskedAgain { get; init; }
}

/// <summary>Holds id_tokens against OpenID Connect Core 1.0, section 3.1.3.7, and tells whom they are about.</summary>
internal sealed class IdTokens(ProviderMetadata metadata, TimeProvider time, Limits limits, ILogger<IdTokens> logger)
{
    /// <summary>Asymmetric ones only: with HS256 a public key could pass for a shared secret, and "none" is no signature.</summary>
    private static readonly string[] Algorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.EcdsaSha256];

    private const int LeastRsaBits = 2048;
    private const int LongestSubject = 255;
    private const int LongestName = 200;

    private readonly JsonWebTokenHandler _handler = new() { MaximumTokenSizeInBytes = limits.IdTokenBytes, MapInboundClaims = false };

    /// <summary>The identity, or IDENTITY_REJECTED.</summary>
    /// <exception cref="ProviderUnreachableException">The provider's keys can't be had.</exception>
    public async Task<VerifiedIdentity> ReadAsync(OpenIdProvider provider, string idToken, IdTokenDemand demand, CancellationToken cancellationToken)
    {
        var token = Parse(idToken);
        var fault = token is null ? IdTokenFault.Unreadable : await JudgeAsync(provider, token, demand, cancellationToken);
        if (fault is { } found)
        {
            Log.IdTokenRefused(logger, provider.Id, found);
            throw Errors.Of(ErrorReason.IdentityRejected);
        }

        return ToIdentity(provider, token!);
    }

    private JsonWebToken? Parse(string idToken)
    {
        try
        {
            return _handler.CanReadToken(idToken) ? _handler.ReadJsonWebToken(idToken) : null;
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException or System.Text.Json.JsonException or FormatException)
        {
            return null;
        }
    }

    private async Task<IdTokenFault?> JudgeAsync(OpenIdProvider provider, JsonWebToken token, IdTokenDemand demand, CancellationToken cancellationToken)
    {
        if (!Algorithms.Contains(token.Alg, StringComparer.Ordinal))
        {
            return IdTokenFault.Algorithm;
        }

        // An access token or a logout token of the same issuer says so in its type.
        if (token.Typ is { Length: > 0 } type && !string.Equals(type, "JWT", StringComparison.OrdinalIgnoreCase))
        {
            return IdTokenFault.Type;
        }

        if (provider.Issuers.FirstOrDefault(i => i.Issuer == token.Issuer) is not { } issuer)
        {
            return IdTokenFault.Issuer;
        }

        var keys = KeysFor(token, (await metadata.GetAsync(provider, issuer, cancellationToken)).SigningKeys);
        if (keys.Count == 0)
        {
            keys = KeysFor(token, (await metadata.RenewAsync(provider, issuer, cancellationToken)).SigningKeys);
        }

        return keys.Count == 0 ? IdTokenFault.Key : await VerifyAsync(token, issuer, keys) ?? JudgeClaims(provider, token, demand);
    }

    /// <summary>The keys that the token may be signed with: by its key id, or the only one there is.</summary>
    private static List<SecurityKey> KeysFor(JsonWebToken token, ICollection<SecurityKey> published)
    {
        var fitting = published.Where(k => Fits(k, token.Alg)).ToList();
        return token.Kid is { Length: > 0 } kid ? fitting.Where(k => k.KeyId == kid).ToList() : fitting.Count == 1 ? fitting : [];
    }

    private static bool Fits(SecurityKey key, string algorithm) =>
        algorithm == SecurityAlgorithms.EcdsaSha256
            ? key is ECDsaSecurityKey { KeySize: 256 }
            : key is RsaSecurityKey { KeySize: >= LeastRsaBits } or X509SecurityKey { KeySize: >= LeastRsaBits };

    private async Task<IdTokenFault?> VerifyAsync(JsonWebToken token, ProviderIssuer issuer, List<SecurityKey> keys)
    {
        var verified = await _handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidAlgorithms = Algorithms,
            RequireSignedTokens = true,
            IssuerSigningKeys = keys,
            ValidIssuer = issuer.Issuer,
            RequireExpirationTime = true,
            LifetimeValidator = IsAlive,
            // Ours is stricter: every audience, and azp.
            ValidateAudience = false,
        });
        return verified.IsValid ? null : verified.Exception switch
        {
            SecurityTokenInvalidAlgorithmException => IdTokenFault.Algorithm,
            SecurityTokenInvalidIssuerException => IdTokenFault.Issuer,
            SecurityTokenInvalidLifetimeException or SecurityTokenNoExpirationException or SecurityTokenExpiredException => IdTokenFault.Lifetime,
            _ => IdTokenFault.Signature,
        };
    }

    private bool IsAlive(DateTime? notBefore, DateTime? expires, SecurityToken token, TokenValidationParameters parameters)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return expires is { } end && now < end + limits.ProviderClockSkew && (notBefore is not { } start || start <= now + limits.ProviderClockSkew);
    }

    private IdTokenFault? JudgeClaims(OpenIdProvider provider, JsonWebToken token, IdTokenDemand demand) =>
        !HasAudience(provider, token, demand.OwnAudience) ? IdTokenFault.Audience
        : !IsSince(token, JwtRegisteredClaimNames.Iat, demand.FlowStartedAt) ? IdTokenFault.IssuedAt
        : !HasNonce(token, demand.Nonce) ? IdTokenFault.Nonce
        : !FitsAccessToken(token, demand.AccessToken) ? IdTokenFault.AccessTokenHash
        : demand.AskedAgain && provider.RequireAuthTime && !IsSince(token, JwtRegisteredClaimNames.AuthTime, demand.FlowStartedAt) ? IdTokenFault.AuthTime
        : token.Subject is not { Length: > 0 and <= LongestSubject } ? IdTokenFault.Subject
        : null;

    /// <summary>Every audience is one of ours, the party that asked for the token too.</summary>
    private static bool HasAudience(OpenIdProvider provider, JsonWebToken token, bool own)
    {
        var ours = provider.ClientIds;
        var audiences = token.Audiences.ToList();
        var party = Text(token, JwtRegisteredClaimNames.Azp);
        return audiences.Count > 0
            && audiences.All(a => ours.Contains(a, StringComparer.Ordinal))
            && (!own || audiences.Contains(provider.Options.ClientId, StringComparer.Ordinal))
            && (party is null ? audiences.Count == 1 : ours.Contains(party, StringComparer.Ordinal));
    }

    /// <summary>The claim tells a time from the flow's start until now, give or take the difference of the clocks.</summary>
    private bool IsSince(JsonWebToken token, string claim, DateTimeOffset start) =>
        token.TryGetPayloadValue<long>(claim, out var seconds)
        && seconds >= start.ToUnixTimeSeconds() - (long)limits.ProviderClockSkew.TotalSeconds
        && seconds <= time.GetUtcNow().ToUnixTimeSeconds() + (long)limits.ProviderClockSkew.TotalSeconds;

    private static bool HasNonce(JsonWebToken token, string nonce) =>
        Text(token, JwtRegisteredClaimNames.Nonce) is { } claimed && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(claimed), Encoding.UTF8.GetBytes(nonce));

    /// <summary>Core 1.0, 3.1.3.6: binds the access token that came along, where the provider says so. All our algorithms hash with SHA-256.</summary>
    private static bool FitsAccessToken(JsonWebToken token, string? accessToken)
    {
        if (accessToken is null || Text(token, JwtRegisteredClaimNames.AtHash) is not { } claimed)
        {
            return true;
        }

        var half = SHA256.HashData(Encoding.ASCII.GetBytes(accessToken)).AsSpan(0, 16);
        return claimed == System.Buffers.Text.Base64Url.EncodeToString(half);
    }

    private static VerifiedIdentity ToIdentity(OpenIdProvider provider, JsonWebToken token)
    {
        var told = Text(token, JwtRegisteredClaimNames.Email) ?? "";
        // What can't be an address here can't be mailed either; the person writes one.
        var email = EmailAddress.TryParse(told, out var address) ? address.Text : "";
        // Apple writes the flag as a string in some of its tokens.
        var claimed = token.TryGetClaim(JwtRegisteredClaimNames.EmailVerified, out var claim) && string.Equals(claim.Value, "true", StringComparison.OrdinalIgnoreCase);
        var name = Text(token, JwtRegisteredClaimNames.Name) ?? "";
        return new VerifiedIdentity
        {
            ProviderId = provider.Id,
            Issuer = provider.Issuer,
            Subject = token.Subject,
            Email = email,
            EmailVerified = email.Length > 0 && claimed && provider.EmailsVerified,
            PersonName = name.Length <= LongestName ? name : "",
        };
    }

    private static string? Text(JsonWebToken token, string claim) => token.TryGetPayloadValue<string>(claim, out var value) ? value : null;
}
