using System.Buffers.Binary;
using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.Server;
using Kpm.V1;

namespace Kpm.Simulation.Clients;

/// <summary>Operations as docs/crypto.md lays them out, with envelopes that only name the values in them. No signatures: the server verifies none.</summary>
internal static class OperationBytes
{
    private static readonly ByteString NoSignature = ByteString.CopyFrom(new byte[64]);

    public static Operation Make(Guid account, Guid device, ulong opSeq, Guid opId, OperationKind kind, Guid subject, ulong baseRev, byte[] envelope, ulong observedSeq, byte[] observedHash)
    {
        var header = new byte[234];
        "KPM1"u8.CopyTo(header);
        header[4] = 1;
        header[5] = 1;
        header[6] = (byte)kind;
        account.ToBytes().CopyTo(header, 8);
        account.ToBytes().CopyTo(header, 24);
        Write(header, 40, 1);
        device.ToBytes().CopyTo(header, 48);
        Write(header, 64, opSeq);
        opId.ToBytes().CopyTo(header, 72);
        subject.ToBytes().CopyTo(header, 88);
        Write(header, 104, baseRev);
        Write(header, 112, baseRev + 1);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(120), 1);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(124), kind == OperationKind.Put ? 1u : 0);
        SHA256.HashData(envelope, header.AsSpan(128, 32));
        Write(header, 192, observedSeq);
        if (observedSeq > 0)
        {
            observedHash.CopyTo(header, 200);
        }

        return new Operation
        {
            OpSeq = opSeq,
            OpId = opId.ToWire(),
            SubjectId = subject.ToWire(),
            BaseRev = baseRev,
            Kind = kind,
            Header = ByteString.CopyFrom(header),
            Signature = NoSignature,
            Envelope = ByteString.CopyFrom(envelope),
        };
    }

    public static byte[] Envelope(IReadOnlyCollection<int> tokens, int padding)
    {
        var bytes = new byte[4 + (tokens.Count * 4) + padding];
        BinaryPrimitives.WriteInt32BigEndian(bytes, tokens.Count);
        foreach (var (index, token) in tokens.Index())
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 + (4 * index)), token);
        }

        return bytes;
    }

    public static SortedSet<int> Tokens(ReadOnlySpan<byte> envelope)
    {
        var tokens = new SortedSet<int>();
        if (envelope.Length >= 4)
        {
            for (var i = 0; i < BinaryPrimitives.ReadInt32BigEndian(envelope); i++)
            {
                tokens.Add(BinaryPrimitives.ReadInt32BigEndian(envelope[(4 + (4 * i))..]));
            }
        }

        return tokens;
    }

    public static Guid Id(Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }

    private static void Write(byte[] bytes, int at, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(at), value);
}
