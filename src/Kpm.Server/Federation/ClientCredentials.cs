using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Kpm.Server.Federation;

/// <summary>
/// This server's secrets at the providers. They are read from their files when they are used, so that an operator can replace
/// one without a restart; Apple's is a statement that the team's key signs, made anew every few hours.
/// </summary>
internal sealed class ClientCredentials(TimeProvider time, Limits limits)
{
    /// <summary>Whom Apple's client secrets are for, whatever the issuer is overridden with.</summary>
    private const string AppleAudience = "https://appleid.apple.com";

    private readonly ConcurrentDictionary<string, Signed> _signed = new(StringComparer.Ordinal);

    /// <summary>Null for a public client.</summary>
    /// <exception cref="ProviderUnreachableException">The secret can't be read.</exception>
    public string? SecretOf(OpenIdProvider provider)
    {
        try
        {
            return provider.Kind == ProviderKind.Apple ? AppleSecretOf(provider)
                : provider.Options.ClientSecretFile.Length > 0 ? File.ReadAllText(provider.Options.ClientSecretFile).Trim()
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new ProviderUnreachableException("this server's secret for it can't be read", e);
        }
    }

    private string AppleSecretOf(OpenIdProvider provider)
    {
        var now = time.GetUtcNow();
        var pem = File.ReadAllText(provider.Options.PrivateKeyFile);
        if (!_signed.TryGetValue(provider.Id, out var signed) || now >= signed.RenewAt || signed.Pem != pem)
        {
            signed = new Signed(SignForApple(provider.Options, pem, now), now + (limits.AppleSecretLifetime / 2), pem);
            _signed[provider.Id] = signed;
        }

        return signed.Secret;
    }

    private string SignForApple(ProviderOptions options, string pem, DateTimeOffset now)
    {
        using var key = ECDsa.Create();
        key.ImportFromPem(pem);
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = options.TeamId,
            Audience = AppleAudience,
            IssuedAt = now.UtcDateTime,
            Expires = (now + limits.AppleSecretLifetime).UtcDateTime,
            Claims = new Dictionary<string, object>(StringComparer.Ordinal) { [JwtRegisteredClaimNames.Sub] = options.ClientId },
            SigningCredentials = new SigningCredentials(
                // Not cached by the library: the key is gone after this call.
                new ECDsaSecurityKey(key) { KeyId = options.KeyId, CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false } },
                SecurityAlgorithms.EcdsaSha256),
        });
    }

    private sealed record Signed(string Secret, DateTimeOffset RenewAt, string Pem);
}
