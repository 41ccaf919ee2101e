using System.Security.Cryptography;
using System.Text;

namespace Kpm.Client.Kpm1;

/// <summary>The key that the main password gives, and its bounds.</summary>
public static class MainPassword
{
    /// <summary>The fewest PBKDF2 iterations that a client accepts.</summary>
    public const uint MinIterations = 600_000;

    /// <summary>The most PBKDF2 iterations that a client computes.</summary>
    public const uint MaxIterations = 10_000_000;

    /// <summary>What new keysets take.</summary>
    public const uint DefaultIterations = 1_000_000;

    /// <summary>The most UTF-8 bytes of a main password after NFKC.</summary>
    public const int MaxBytes = 1024;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The bytes that enter PBKDF2: NFKC, then UTF-8.</summary>
    /// <param name="password">The main password as it was typed.</param>
    /// <returns>1 to 1,024 bytes; the caller clears them.</returns>
    /// <exception cref="Kpm1Exception">PASSWORD_INVALID.</exception>
    public static byte[] Normalise(string password)
    {
        ArgumentNullException.ThrowIfNull(password);
        try
        {
            var bytes = StrictUtf8.GetBytes(password.Normalize(NormalizationForm.FormKC));
            return bytes.Length is >= 1 and <= MaxBytes ? bytes : throw new Kpm1Exception(Kpm1Error.PasswordInvalid);
        }
        catch (ArgumentException malformed)
        {
            throw new Kpm1Exception(Kpm1Error.PasswordInvalid, malformed);
        }
    }

    /// <summary>Derives UK.</summary>
    /// <param name="password">The main password as it was typed.</param>
    /// <param name="salt">32 bytes.</param>
    /// <param name="iterations">600,000 to 10,000,000.</param>
    /// <returns>32 bytes; the caller clears them.</returns>
    /// <exception cref="Kpm1Exception">KDF_TOO_WEAK, KDF_TOO_STRONG, PASSWORD_INVALID or STRUCTURE_INVALID (the salt).</exception>
    public static byte[] DeriveKey(string password, ReadOnlySpan<byte> salt, uint iterations)
    {
        RequireIterations(iterations);
        Layout.Require(salt.Length == Layout.SaltSize);
        var bytes = Normalise(password);
        try
        {
            return Rfc2898DeriveBytes.Pbkdf2(bytes, salt, (int)iterations, HashAlgorithmName.SHA256, Layout.KeySize);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Throws unless a client may compute with so many iterations.</summary>
    /// <param name="iterations">What a keyset asks for.</param>
    /// <exception cref="Kpm1Exception">KDF_TOO_WEAK or KDF_TOO_STRONG.</exception>
    public static void RequireIterations(uint iterations)
    {
        if (iterations < MinIterations)
        {
            throw new Kpm1Exception(Kpm1Error.KdfTooWeak);
        }

        if (iterations > MaxIterations)
        {
            throw new Kpm1Exception(Kpm1Error.KdfTooStrong);
        }
    }
}
