using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.V1;

namespace Kpm.Bench.Product;

/// <summary>
/// Operations and proofs with the bytes of docs/crypto.md: real headers, hashes and signatures. Only the ciphertext is
/// random, as ciphertext looks.
/// </summary>
internal static class Kpm1
{
    public const int EnvelopeBytes = 1024;

    private const int HeaderBytes = 234;

    public static Operation Operation(ECDsa key, Guid account, Guid device, ulong opSeq, OperationKind kind, Guid subject, ulong baseRev)
    {
        var opId = Guid.CreateVersion7();
        var envelope = Envelope(kind);
        var header = new byte[HeaderBytes];
        "KPM1"u8.CopyTo(header);
        header[4] = 1;
        header[5] = 1;
        header[6] = (byte)kind;
        Id(header, 8, account);
        Id(header, 24, account);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(40), 1);
        Id(header, 48, device);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(64), opSeq);
        Id(header, 72, opId);
        Id(header, 88, subject);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(104), baseRev);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(112), baseRev + 1);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(120), 1);
        SHA256.HashData(envelope, header.AsSpan(128));
        if (kind == OperationKind.Put)
        {
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(124), 1);
            RandomNumberGenerator.Fill(header.AsSpan(160, 32));
        }

        return new Operation
        {
            OpSeq = opSeq,
            OpId = opId.ToString("D"),
            SubjectId = subject.ToString("D"),
            BaseRev = baseRev,
            Kind = kind,
            Header = UnsafeByteOperations.UnsafeWrap(header),
            Signature = UnsafeByteOperations.UnsafeWrap(key.SignData(header, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)),
            Envelope = UnsafeByteOperations.UnsafeWrap(envelope),
        };
    }

    public static DeviceProof Proof(ECDsa key, string method, string token)
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        var nonce = RandomNumberGenerator.GetBytes(16);
        using var signed = new MemoryStream();
        Span<byte> number = stackalloc byte[8];
        signed.Write("KPM1-PROOF"u8);
        BinaryPrimitives.WriteUInt16BigEndian(number, (ushort)method.Length);
        signed.Write(number[..2]);
        signed.Write(Encoding.ASCII.GetBytes(method));
        signed.Write(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        BinaryPrimitives.WriteInt64BigEndian(number, now.ToUnixTimeMilliseconds());
        signed.Write(number);
        signed.Write(nonce);
        return new DeviceProof
        {
            Time = Timestamp.FromDateTimeOffset(now),
            Nonce = ByteString.CopyFrom(nonce),
            Signature = ByteString.CopyFrom(key.SignData(signed.ToArray(), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)),
        };
    }

    /// <summary>The key as 65 bytes: an uncompressed point.</summary>
    public static ByteString PublicKey(ECDsa key)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return ByteString.CopyFrom([4, .. point.X!, .. point.Y!]);
    }

    private static byte[] Envelope(OperationKind kind)
    {
        var envelope = RandomNumberGenerator.GetBytes(EnvelopeBytes);
        "KPM1"u8.CopyTo(envelope);
        envelope[4] = kind switch { OperationKind.DeviceKey => 5, OperationKind.Keyset => 4, _ => 2 };
        envelope[5] = 1;
        return envelope;
    }

    private static void Id(byte[] header, int at, Guid id) => id.TryWriteBytes(header.AsSpan(at), bigEndian: true, out _);
}
