using System.Buffers.Binary;

namespace Kpm.Client.Kpm1;

/// <summary>Writes a fixed layout, big-endian, from the front.</summary>
internal ref struct SpanWriter(Span<byte> target)
{
    private readonly Span<byte> _target = target;

    public int Position { get; private set; }

    public void U8(byte value) => _target[Position++] = value;

    public void U16(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Take(2), value);

    public void U32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Take(4), value);

    public void U64(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Take(8), value);

    public void Id(Guid value) => value.TryWriteBytes(Take(16), bigEndian: true, out _);

    public void Bytes(scoped ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

    /// <summary>The magic, the structure and the suite.</summary>
    public void Prefix(Structure structure)
    {
        Bytes(Layout.Magic);
        U8((byte)structure);
        U8(Layout.Suite);
    }

    public void Skip(int count) => Take(count).Clear();

    private Span<byte> Take(int count)
    {
        var part = _target.Slice(Position, count);
        Position += count;
        return part;
    }
}

/// <summary>Reads a fixed layout; what is missing or not as it must be is STRUCTURE_INVALID.</summary>
internal ref struct SpanReader(ReadOnlySpan<byte> source)
{
    private readonly ReadOnlySpan<byte> _source = source;

    public int Position { get; private set; }

    public byte U8() => Bytes(1)[0];

    public ushort U16() => BinaryPrimitives.ReadUInt16BigEndian(Bytes(2));

    public uint U32() => BinaryPrimitives.ReadUInt32BigEndian(Bytes(4));

    /// <summary>No number of the format is above 2^63 - 1, so that every store and language can hold it.</summary>
    public ulong U64()
    {
        var value = BinaryPrimitives.ReadUInt64BigEndian(Bytes(8));
        Layout.Require(value <= long.MaxValue);
        return value;
    }

    public Guid Id() => new(Bytes(16), bigEndian: true);

    public byte[] Copy(int count) => Bytes(count).ToArray();

    public ReadOnlySpan<byte> Bytes(int count)
    {
        Layout.Require(_source.Length - Position >= count);
        var part = _source.Slice(Position, count);
        Position += count;
        return part;
    }

    public void Prefix(Structure structure)
    {
        Layout.Require(Bytes(4).SequenceEqual(Layout.Magic));
        Layout.Require(U8() == (byte)structure);
        if (U8() != Layout.Suite)
        {
            throw new Kpm1Exception(Kpm1Error.SuiteUnknown);
        }
    }

    public void Zero(int count) => Layout.Require(!Bytes(count).ContainsAnyExcept((byte)0));

    public void End() => Layout.Require(Position == _source.Length);
}

/// <summary>The number that follows the magic.</summary>
internal enum Structure : byte
{
    OperationHeader = 1,
    Item = 2,
    Keyset = 3,
    WrapAad = 4,
    DirectoryEntry = 5,
    Checkpoint = 6,
    DeviceRevocation = 7,
    AttachmentAad = 8,
}

/// <summary>What all structures share.</summary>
internal static class Layout
{
    public const byte Suite = 1;
    public const int HashSize = 32;
    public const int KeySize = 32;
    public const int SaltSize = 32;
    public const int NonceSize = 12;
    public const int TagSize = 16;
    public const int PublicKeySize = 65;
    public const int SignatureSize = 64;

    public static ReadOnlySpan<byte> Magic => "KPM1"u8;

    public static void Require(bool condition)
    {
        if (!condition)
        {
            throw new Kpm1Exception(Kpm1Error.StructureInvalid);
        }
    }
}
