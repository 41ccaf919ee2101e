using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Kpm.Server.Secrets;

/// <summary>256-bit random secrets, written in base64url; only their SHA-256 is stored.</summary>
internal static class SecretToken
{
    public const int SecretBytes = 32;

    /// <summary>A new secret behind a prefix that says what it is for, so that people, programs and secret scanners can tell it.</summary>
    public static string New(string prefix) => prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));

    /// <summary>SHA-256 over the token's UTF-8 bytes: what the database holds, and what a device's proof signs.</summary>
    public static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
