using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>The SHA-256 of a token as a key of a dictionary: made and compared without an allocation.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TokenHash(ulong A, ulong B, ulong C, ulong D)
{
    private const int LongestToken = 256;

    /// <summary>False for what can't be a token of this server.</summary>
    public static bool TryOf(ReadOnlySpan<char> token, out TokenHash hash)
    {
        hash = default;
        if (token.Length is 0 or > LongestToken || !Ascii.IsValid(token))
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[LongestToken];
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        Encoding.ASCII.GetBytes(token, bytes);
        SHA256.HashData(bytes[..token.Length], digest);
        hash = new TokenHash(
            BinaryPrimitives.ReadUInt64BigEndian(digest),
            BinaryPrimitives.ReadUInt64BigEndian(digest[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(digest[16..]),
            BinaryPrimitives.ReadUInt64BigEndian(digest[24..]));
        return true;
    }

    public byte[] ToBytes()
    {
        var bytes = new byte[SHA256.HashSizeInBytes];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, A);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), B);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(16), C);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(24), D);
        return bytes;
    }

    public override int GetHashCode() => (int)A;
}
