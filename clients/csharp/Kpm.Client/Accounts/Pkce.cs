using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Kpm.Client.Accounts;

/// <summary>Proof key for code exchange, RFC 7636, method S256: only who started the flow can trade its code.</summary>
internal static class Pkce
{
    private const int VerifierBytes = 32;

    /// <summary>43 characters, 256 bits.</summary>
    public static string NewVerifier() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(VerifierBytes));

    public static string ChallengeOf(string verifier) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
}
