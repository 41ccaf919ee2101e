using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Base64Url = System.Buffers.Text.Base64Url;

namespace Kpm.Server.Tests.Federation;

/// <summary>Signs id_tokens with a provider's own key: those that it would sign, and those that it never would.</summary>
internal static class IdTokenForge
{
    /// <summary>What a good token of the provider's SDK says.</summary>
    public static JsonObject Claims(this OpenIdParts parts, string provider, string nonce, string sub)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        return new JsonObject
        {
            ["iss"] = parts.IssuerOf(provider),
            ["aud"] = OpenIdParts.MobileClientOf(provider),
            ["sub"] = sub,
            ["nonce"] = nonce,
            ["iat"] = now,
            ["auth_time"] = now,
            ["exp"] = now + 600,
            ["email"] = sub + "@example.org",
            ["email_verified"] = true,
        };
    }

    public static JsonObject With(this JsonObject claims, string name, JsonNode? value)
    {
        claims[name] = value;
        return claims;
    }

    public static JsonObject Without(this JsonObject claims, string name)
    {
        claims.Remove(name);
        return claims;
    }

    /// <summary>Signed as the provider signs; the key id can be another one's.</summary>
    public static string Sign(this OpenIdParts parts, string provider, JsonObject claims, string algorithm = "RS256", string? kid = null, string? type = "JWT")
    {
        var key = parts.KeyOf(provider, algorithm is "RS256" or "PS256" ? "RS256" : algorithm);
        return Sign(key, claims, algorithm, kid ?? key["kid"]!.GetValue<string>(), type);
    }

    public static string Sign(JsonObject key, JsonObject claims, string algorithm, string? kid, string? type = "JWT")
    {
        var content = Content(claims, algorithm, kid, type);
        return $"{content}.{Base64Url.EncodeToString(Signature(key, Encoding.ASCII.GetBytes(content), algorithm))}";
    }

    /// <summary>"alg": "none", with an empty signature.</summary>
    public static string Unsigned(JsonObject claims) => Content(claims, "none", kid: null, "JWT") + ".";

    /// <summary>The classic: the published RSA key taken for the secret of an HMAC.</summary>
    public static string WithPublicKeyAsSecret(this OpenIdParts parts, string provider, JsonObject claims)
    {
        var key = parts.KeyOf(provider);
        using var rsa = Rsa(key);
        var content = Content(claims, "HS256", key["kid"]!.GetValue<string>(), "JWT");
        return $"{content}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.ASCII.GetBytes(rsa.ExportSubjectPublicKeyInfoPem()), Encoding.ASCII.GetBytes(content)))}";
    }

    private static string Content(JsonObject claims, string algorithm, string? kid, string? type)
    {
        var header = new JsonObject { ["alg"] = algorithm };
        if (type is not null)
        {
            header["typ"] = type;
        }

        if (kid is not null)
        {
            header["kid"] = kid;
        }

        return $"{Encode(header)}.{Encode(claims)}";
    }

    private static byte[] Signature(JsonObject key, byte[] content, string algorithm)
    {
        if (algorithm == "ES256")
        {
            using var ecdsa = ECDsa.Create(new ECParameters
            {
                Curve = ECCurve.NamedCurves.nistP256,
                D = Bytes(key, "d"),
                Q = new ECPoint { X = Bytes(key, "x"), Y = Bytes(key, "y") },
            });
            return ecdsa.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }

        using var rsa = Rsa(key);
        return rsa.SignData(content, algorithm == "RS384" ? HashAlgorithmName.SHA384 : HashAlgorithmName.SHA256, algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
    }

    private static RSA Rsa(JsonObject key) => RSA.Create(new RSAParameters
    {
        Modulus = Bytes(key, "n"),
        Exponent = Bytes(key, "e"),
        D = Bytes(key, "d"),
        P = Bytes(key, "p"),
        Q = Bytes(key, "q"),
        DP = Bytes(key, "dp"),
        DQ = Bytes(key, "dq"),
        InverseQ = Bytes(key, "qi"),
    });

    private static byte[] Bytes(JsonObject key, string name) => Base64Url.DecodeFromChars(key[name]!.GetValue<string>());

    private static string Encode(JsonObject json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));
}
