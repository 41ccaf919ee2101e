using System.Security.Cryptography;

namespace Kpm.Client.Kpm1;

/// <summary>The primitives of suite 1, with this format's lengths.</summary>
internal static class Primitives
{
    public static byte[] Hkdf(ReadOnlySpan<byte> ikm, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> info)
    {
        var output = new byte[Layout.KeySize];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, ikm, output, salt, info);
        return output;
    }

    public static byte[] Seal(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> aad)
    {
        var output = new byte[plaintext.Length + Layout.TagSize];
        using var gcm = new AesGcm(key, Layout.TagSize);
        gcm.Encrypt(nonce, plaintext, output.AsSpan(0, plaintext.Length), output.AsSpan(plaintext.Length), aad);
        return output;
    }

    /// <summary>Opens what Seal made, or throws with the error that the caller names.</summary>
    public static byte[] Open(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedBytes, ReadOnlySpan<byte> aad, Kpm1Error error)
    {
        if (sealedBytes.Length < Layout.TagSize)
        {
            throw new Kpm1Exception(error);
        }

        var output = new byte[sealedBytes.Length - Layout.TagSize];
        using var gcm = new AesGcm(key, Layout.TagSize);
        try
        {
            gcm.Decrypt(nonce, sealedBytes[..output.Length], sealedBytes[output.Length..], output, aad);
        }
        catch (AuthenticationTagMismatchException mismatch)
        {
            throw new Kpm1Exception(error, mismatch);
        }

        return output;
    }

    public static byte[] Random(int count) => RandomNumberGenerator.GetBytes(count);
}

/// <summary>P-256 keys as their 65-byte points; signatures as 64-byte r||s.</summary>
public static class P256
{
    private const byte Uncompressed = 4;

    /// <summary>A new key pair for signing.</summary>
    /// <returns>The pair; the caller disposes it.</returns>
    public static ECDsa NewSigningKey() => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>A new key pair for key agreement.</summary>
    /// <returns>The pair; the caller disposes it.</returns>
    public static ECDiffieHellman NewAgreementKey() => ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>The public half.</summary>
    /// <param name="key">A P-256 key.</param>
    /// <returns>65 bytes: 0x04, x, y.</returns>
    public static byte[] PublicKey(ECDsa key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return ToBytes(key.ExportParameters(includePrivateParameters: false).Q);
    }

    /// <summary>The public half.</summary>
    /// <param name="key">A P-256 key.</param>
    /// <returns>65 bytes: 0x04, x, y.</returns>
    public static byte[] PublicKey(ECDiffieHellman key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return ToBytes(key.ExportParameters(includePrivateParameters: false).Q);
    }

    /// <summary>Reads a public signing key.</summary>
    /// <param name="publicKey">65 bytes, a point on the curve.</param>
    /// <returns>The key; the caller disposes it.</returns>
    /// <exception cref="Kpm1Exception">STRUCTURE_INVALID: no point on the curve.</exception>
    public static ECDsa VerificationKey(ReadOnlySpan<byte> publicKey)
    {
        var parameters = ToParameters(publicKey);
        try
        {
            return ECDsa.Create(parameters);
        }
        catch (CryptographicException invalid)
        {
            throw new Kpm1Exception(Kpm1Error.StructureInvalid, invalid);
        }
    }

    /// <summary>Signs with SHA-256.</summary>
    /// <param name="key">A P-256 private key.</param>
    /// <param name="data">What is signed.</param>
    /// <returns>64 bytes r||s.</returns>
    public static byte[] Sign(ECDsa key, ReadOnlySpan<byte> data)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>Verifies a signature.</summary>
    /// <param name="key">A P-256 public key.</param>
    /// <param name="data">What was signed.</param>
    /// <param name="signature">64 bytes r||s; any other length does not verify.</param>
    /// <returns>True when it verifies.</returns>
    public static bool Verify(ECDsa key, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        ArgumentNullException.ThrowIfNull(key);
        return signature.Length == Layout.SignatureSize
            && key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>The ECDH secret: the x coordinate, 32 bytes.</summary>
    internal static byte[] Agree(ECDiffieHellman own, ReadOnlySpan<byte> otherPublicKey)
    {
        try
        {
            using var other = ECDiffieHellman.Create(ToParameters(otherPublicKey));
            return own.DeriveRawSecretAgreement(other.PublicKey);
        }
        catch (CryptographicException invalid)
        {
            throw new Kpm1Exception(Kpm1Error.StructureInvalid, invalid);
        }
    }

    /// <summary>Throws STRUCTURE_INVALID unless the bytes are a point on the curve.</summary>
    internal static void RequirePoint(ReadOnlySpan<byte> publicKey) => VerificationKey(publicKey).Dispose();

    private static byte[] ToBytes(ECPoint point) => [Uncompressed, .. point.X!, .. point.Y!];

    private static ECParameters ToParameters(ReadOnlySpan<byte> publicKey)
    {
        Layout.Require(publicKey.Length == Layout.PublicKeySize && publicKey[0] == Uncompressed);
        return new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = publicKey[1..33].ToArray(), Y = publicKey[33..65].ToArray() },
        };
    }
}
