using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.Client.Kpm1;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>Makes the proof that this device holds its signing key, for one method and one token.</summary>
internal static class DeviceProofs
{
    public const string RefreshSession = "/kpm.v1.AccountService/RefreshSession";
    public const string Sync = "/kpm.v1.VaultService/Sync";
    private const int NonceSize = 16;

    public static DeviceProof Sign(string method, string token, ECDsa signingKey, TimeProvider time)
    {
        var milliseconds = time.GetUtcNow().ToUnixTimeMilliseconds();
        var nonce = RandomNumberGenerator.GetBytes(NonceSize);
        return new DeviceProof
        {
            Time = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)),
            Nonce = ByteString.CopyFrom(nonce),
            Signature = ByteString.CopyFrom(P256.Sign(signingKey, ToSign(method, token, milliseconds, nonce))),
        };
    }

    /// <summary>The layout that session.proto describes at DeviceProof.</summary>
    public static byte[] ToSign(string method, string token, long milliseconds, ReadOnlySpan<byte> nonce)
    {
        var methodBytes = Encoding.UTF8.GetBytes(method);
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)methodBytes.Length);
        Span<byte> when = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(when, milliseconds);
        return [.. "KPM1-PROOF"u8, .. length, .. methodBytes, .. SHA256.HashData(Encoding.UTF8.GetBytes(token)), .. when, .. nonce];
    }
}
