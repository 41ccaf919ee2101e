using System.Buffers.Binary;
using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>A device that writes: makes operations as docs/crypto.md lays them out. Each can be bent before it is sealed.</summary>
internal sealed class TestAuthor(Guid accountId, Guid deviceId, ECDsa? key = null)
{
    private readonly ECDsa _key = key ?? ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public Guid AccountId => accountId;

    public Guid DeviceId => deviceId;

    /// <summary>The number of the last operation made.</summary>
    public ulong OpSeq { get; set; }

    public Operation Put(Guid itemId, ulong baseRev, byte[]? envelope = null, Action<Draft>? bend = null) =>
        Make(OperationKind.Put, itemId, baseRev, envelope ?? RandomNumberGenerator.GetBytes(350), bend);

    public Operation Delete(Guid itemId, ulong baseRev, Action<Draft>? bend = null) => Make(OperationKind.Delete, itemId, baseRev, [], bend);

    public Operation DeviceKey(Action<Draft>? bend = null) => Make(OperationKind.DeviceKey, deviceId, 0, RandomNumberGenerator.GetBytes(200), bend);

    public Operation Keyset(ulong baseRev, Action<Draft>? bend = null) => Make(OperationKind.Keyset, accountId, baseRev, RandomNumberGenerator.GetBytes(300), bend);

    /// <summary>Ends a device's part in the log; the subject is an id of the revocation's own.</summary>
    public Operation Revocation(Guid? revocationId = null, Action<Draft>? bend = null, byte[]? envelope = null) =>
        Make(OperationKind.DeviceRevocation, revocationId ?? Guid.CreateVersion7(), 0, envelope ?? RandomNumberGenerator.GetBytes(88), bend);

    private Operation Make(OperationKind kind, Guid subjectId, ulong baseRev, byte[] envelope, Action<Draft>? bend)
    {
        var draft = new Draft
        {
            Kind = kind,
            AccountId = accountId,
            VaultId = accountId,
            DeviceId = deviceId,
            OpSeq = ++OpSeq,
            OpId = Guid.CreateVersion7(),
            SubjectId = subjectId,
            BaseRev = baseRev,
            Rev = baseRev + 1,
            Schema = kind == OperationKind.Put ? 1u : 0,
            Commitment = kind == OperationKind.Put ? RandomNumberGenerator.GetBytes(32) : new byte[32],
            Envelope = envelope,
            EnvelopeHash = SHA256.HashData(envelope),
        };
        bend?.Invoke(draft);
        var header = draft.Header();
        draft.BendHeader?.Invoke(header);
        return new Operation
        {
            OpSeq = OpSeq,
            OpId = draft.OpId.ToWire(),
            SubjectId = subjectId.ToWire(),
            BaseRev = baseRev,
            Kind = kind,
            Header = ByteString.CopyFrom(header),
            Signature = ByteString.CopyFrom(_key.SignData(header, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)),
            Envelope = ByteString.CopyFrom(envelope),
        };
    }

    /// <summary>The fields of a header before they become bytes; what is changed here differs from the message.</summary>
    internal sealed class Draft
    {
        public OperationKind Kind { get; set; }
        public Guid AccountId { get; set; }
        public Guid VaultId { get; set; }
        public ulong Generation { get; set; } = 1;
        public Guid DeviceId { get; set; }
        public ulong OpSeq { get; set; }
        public Guid OpId { get; set; }
        public Guid SubjectId { get; set; }
        public ulong BaseRev { get; set; }
        public ulong Rev { get; set; }
        public uint KeyEpoch { get; set; } = 1;
        public uint Schema { get; set; }
        public byte[] Envelope { get; set; } = [];
        public byte[] EnvelopeHash { get; set; } = [];
        public byte[] Commitment { get; set; } = new byte[32];
        public ulong ObservedSeq { get; set; }
        public byte[] ObservedHash { get; set; } = new byte[32];
        public Guid[] Attachments { get; set; } = [];
        public Action<byte[]>? BendHeader { get; set; }

        public byte[] Header()
        {
            var bytes = new byte[234 + (16 * Attachments.Length)];
            "KPM1"u8.CopyTo(bytes);
            bytes[4] = 1;
            bytes[5] = 1;
            bytes[6] = (byte)Kind;
            AccountId.ToBytes().CopyTo(bytes, 8);
            VaultId.ToBytes().CopyTo(bytes, 24);
            Write(bytes, 40, Generation);
            DeviceId.ToBytes().CopyTo(bytes, 48);
            Write(bytes, 64, OpSeq);
            OpId.ToBytes().CopyTo(bytes, 72);
            SubjectId.ToBytes().CopyTo(bytes, 88);
            Write(bytes, 104, BaseRev);
            Write(bytes, 112, Rev);
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(120), KeyEpoch);
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(124), Schema);
            EnvelopeHash.CopyTo(bytes, 128);
            Commitment.CopyTo(bytes, 160);
            Write(bytes, 192, ObservedSeq);
            ObservedHash.CopyTo(bytes, 200);
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(232), (ushort)Attachments.Length);
            for (var i = 0; i < Attachments.Length; i++)
            {
                Attachments[i].ToBytes().CopyTo(bytes, 234 + (16 * i));
            }

            return bytes;
        }

        private static void Write(byte[] bytes, int at, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(at), value);
    }
}
