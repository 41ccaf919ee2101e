using System.Buffers.Binary;
using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.Client.Schema;
using Kpm.V1;

namespace Kpm.Client.Kpm1;

/// <summary>A sealed item and the commitment that its header carries.</summary>
/// <param name="Bytes">The envelope.</param>
/// <param name="Commitment">32 bytes.</param>
public sealed record SealedItem(byte[] Bytes, byte[] Commitment);

/// <summary>Seals and opens one revision of an item, structure 2 of docs/crypto.md.</summary>
public static class ItemEnvelope
{
    /// <summary>Bytes before the ciphertext: prefix, salt, nonce.</summary>
    internal const int HeaderSize = 6 + Layout.SaltSize + Layout.NonceSize;

    internal const int AadSize = 96;
    internal const int MinPadded = 256;
    internal const int MaxPadded = 63 * 4096;
    private const int LengthSize = 4;

    /// <summary>Seals an item under a new key.</summary>
    /// <param name="item">The plaintext.</param>
    /// <param name="header">The operation's header; its hash and commitment are not read.</param>
    /// <param name="keys">The vault's keys.</param>
    /// <returns>The envelope, and the commitment for the header.</returns>
    /// <exception cref="Kpm1Exception">ITEM_TOO_LARGE, SCHEMA_UNKNOWN, KEY_EPOCH_UNKNOWN.</exception>
    public static SealedItem Seal(Item item, OperationHeader header, VaultKeys keys)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(header);
        ArgumentNullException.ThrowIfNull(keys);
        if (header.Schema != OperationHeader.ItemSchema)
        {
            throw new Kpm1Exception(Kpm1Error.SchemaUnknown);
        }

        return Seal(item.ToByteArray(), Aad(header), keys.Of(header.KeyEpoch).VaultKey, Primitives.Random(Layout.SaltSize), Primitives.Random(Layout.NonceSize));
    }

    /// <summary>Opens an envelope.</summary>
    /// <param name="envelope">The envelope.</param>
    /// <param name="header">The header that came with it, its signature verified.</param>
    /// <param name="keys">The vault's keys.</param>
    /// <returns>The plaintext; unknown fields are in it.</returns>
    /// <exception cref="Kpm1Exception">What docs/crypto.md lists under "Item".</exception>
    public static Item Open(ReadOnlySpan<byte> envelope, OperationHeader header, VaultKeys keys)
    {
        ArgumentNullException.ThrowIfNull(header);
        ArgumentNullException.ThrowIfNull(keys);
        var padded = OpenPadded(envelope, header, keys);
        try
        {
            return Item.Parser.ParseFrom(Unpad(padded));
        }
        catch (InvalidProtocolBufferException invalid)
        {
            throw new Kpm1Exception(Kpm1Error.ItemInvalid, invalid);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(padded);
        }
    }

    internal static SealedItem Seal(ReadOnlySpan<byte> message, ReadOnlySpan<byte> aad, ReadOnlySpan<byte> vaultKey, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> nonce)
    {
        var padded = Pad(message);
        var key = ItemKey(vaultKey, salt, aad);
        try
        {
            var ciphertext = Primitives.Seal(key, nonce, padded, aad);
            var envelope = new byte[HeaderSize + ciphertext.Length];
            var writer = new SpanWriter(envelope);
            writer.Prefix(Structure.Item);
            writer.Bytes(salt);
            writer.Bytes(nonce);
            writer.Bytes(ciphertext);
            return new SealedItem(envelope, Commit(key));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
            CryptographicOperations.ZeroMemory(padded);
        }
    }

    internal static byte[] OpenPadded(ReadOnlySpan<byte> envelope, OperationHeader header, VaultKeys keys)
    {
        Layout.Require(envelope.Length >= HeaderSize + MinPadded + Layout.TagSize && header.Kind == OperationKind.Put);
        var reader = new SpanReader(envelope);
        reader.Prefix(Structure.Item);
        var salt = reader.Bytes(Layout.SaltSize);
        var nonce = reader.Bytes(Layout.NonceSize);
        if (header.Schema != OperationHeader.ItemSchema)
        {
            throw new Kpm1Exception(Kpm1Error.SchemaUnknown);
        }

        RequireHash(envelope, header);
        var aad = Aad(header);
        var key = ItemKey(keys.Of(header.KeyEpoch).VaultKey, salt, aad);
        try
        {
            if (!CryptographicOperations.FixedTimeEquals(Commit(key), header.Commitment.Span))
            {
                throw new Kpm1Exception(Kpm1Error.CommitmentMismatch);
            }

            return Primitives.Open(key, nonce, envelope[reader.Position..], aad, Kpm1Error.DecryptionFailed);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    internal static void RequireHash(ReadOnlySpan<byte> envelope, OperationHeader header)
    {
        Span<byte> hash = stackalloc byte[Layout.HashSize];
        SHA256.HashData(envelope, hash);
        if (!hash.SequenceEqual(header.EnvelopeHash.Span))
        {
            throw new Kpm1Exception(Kpm1Error.EnvelopeHashMismatch);
        }
    }

    internal static byte[] Aad(OperationHeader header)
    {
        var aad = new byte[AadSize];
        var writer = new SpanWriter(aad);
        writer.Prefix(Structure.Item);
        writer.U8((byte)header.Kind);
        writer.U8(0);
        writer.Id(header.Account);
        writer.Id(header.Vault);
        writer.Id(header.Subject);
        writer.U32(header.KeyEpoch);
        writer.U32(header.Schema);
        writer.U64(header.BaseRev);
        writer.U64(header.Rev);
        writer.Id(header.Device);
        return aad;
    }

    internal static byte[] ItemKey(ReadOnlySpan<byte> vaultKey, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> aad) =>
        Primitives.Hkdf(vaultKey, salt, [.. "KPM1 item"u8, .. aad]);

    internal static byte[] Commit(ReadOnlySpan<byte> itemKey) => Primitives.Hkdf(itemKey, [], "KPM1 commit"u8);

    internal static byte[] Pad(ReadOnlySpan<byte> message)
    {
        var padded = new byte[PaddedSize(message.Length)];
        BinaryPrimitives.WriteUInt32BigEndian(padded, (uint)message.Length);
        message.CopyTo(padded.AsSpan(LengthSize));
        return padded;
    }

    internal static ReadOnlySpan<byte> Unpad(ReadOnlySpan<byte> padded)
    {
        var length = BinaryPrimitives.ReadUInt32BigEndian(padded);
        if (length > MaxPadded - LengthSize || PaddedSize((int)length) != padded.Length || padded[(LengthSize + (int)length)..].ContainsAnyExcept((byte)0))
        {
            throw new Kpm1Exception(Kpm1Error.PaddingInvalid);
        }

        return padded.Slice(LengthSize, (int)length);
    }

    private static int PaddedSize(int length)
    {
        if (length > MaxPadded - LengthSize)
        {
            throw new Kpm1Exception(Kpm1Error.ItemTooLarge);
        }

        var needed = LengthSize + length;
        var size = MinPadded;
        while (size < needed)
        {
            size = size < 4096 ? size * 2 : size + 4096;
        }

        return size;
    }
}
