using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;

namespace Kpm.Server.Rpc;

/// <summary>Public keys of the curve NIST P-256 (FIPS 186-5, SP 800-186).</summary>
internal static class P256
{
    public const int PublicKeyBytes = 65;
    public const int SignatureBytes = 64;

    private static readonly BigInteger Prime = BigInteger.Parse("0ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    private static readonly BigInteger B = BigInteger.Parse("05ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b", NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>65 bytes, 0x04 || x || y, a point on the curve: y² = x³ - 3x + b.</summary>
    public static bool IsPublicKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != PublicKeyBytes || key[0] != 4)
        {
            return false;
        }

        var x = new BigInteger(key[1..33], isUnsigned: true, isBigEndian: true);
        var y = new BigInteger(key[33..], isUnsigned: true, isBigEndian: true);
        return x < Prime && y < Prime && ((y * y) - ((x * x * x) - (3 * x) + B)) % Prime == 0;
    }

    /// <summary>ECDSA with SHA-256; the signature is r || s.</summary>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != SignatureBytes)
        {
            return false;
        }

        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = publicKey[1..33].ToArray(), Y = publicKey[33..].ToArray() },
        });
        return ecdsa.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }
}
