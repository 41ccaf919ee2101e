using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Kpm.Server.Secrets;

/// <summary>
/// Encrypts what the database must not hold in plain text: AES-256-GCM under the newest sealing key, with a key of its own for each use.
/// A box is key id (4) || nonce || ciphertext || tag, and opens only for the use and the row that it was sealed for.
/// </summary>
internal sealed class Sealer(RootKey root)
{
    private const int IdBytes = 4;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int PlainAt = IdBytes + NonceBytes;

    private readonly ConcurrentDictionary<(int Id, string Use), byte[]> _keys = new();

    /// <param name="use">What is sealed, such as "outbox": each use has its own key.</param>
    /// <param name="row">Identifies the row, so that a box can't be moved to another one.</param>
    /// <param name="plain">The secret.</param>
    public byte[] Seal(string use, ReadOnlySpan<byte> row, ReadOnlySpan<byte> plain)
    {
        var key = root.Sealing.Newest;
        var box = new byte[PlainAt + plain.Length + TagBytes];
        BinaryPrimitives.WriteInt32BigEndian(box, key.Id);
        RandomNumberGenerator.Fill(box.AsSpan(IdBytes, NonceBytes));
        using var aes = new AesGcm(KeyOf(key, use), TagBytes);
        aes.Encrypt(box.AsSpan(IdBytes, NonceBytes), plain, box.AsSpan(PlainAt, plain.Length), box.AsSpan(PlainAt + plain.Length), row);
        return box;
    }

    /// <exception cref="CryptographicException">The box was sealed for another use or row, with a key that is not there, or is damaged.</exception>
    public byte[] Open(string use, ReadOnlySpan<byte> row, ReadOnlySpan<byte> box)
    {
        if (box.Length < PlainAt + TagBytes)
        {
            throw new CryptographicException("The box is too short.");
        }

        var key = root.Sealing.Find(KeyIdOf(box)) ?? throw new CryptographicException("The box was sealed with a key that the root key file does not hold.");
        var plain = new byte[box.Length - PlainAt - TagBytes];
        using var aes = new AesGcm(KeyOf(key, use), TagBytes);
        aes.Decrypt(box[IdBytes..PlainAt], box[PlainAt..^TagBytes], box[^TagBytes..], plain, row);
        return plain;
    }

    /// <summary>The box under the newest key; null where it is already.</summary>
    public byte[]? Renew(string use, ReadOnlySpan<byte> row, ReadOnlySpan<byte> box) =>
        KeyIdOf(box) == root.Sealing.Newest.Id ? null : Seal(use, row, Open(use, row, box));

    /// <summary>Which key a box was sealed with.</summary>
    public static int KeyIdOf(ReadOnlySpan<byte> box) => BinaryPrimitives.ReadInt32BigEndian(box);

    private byte[] KeyOf(SealingKey key, string use) => _keys.GetOrAdd((key.Id, use), static (u, k) => k.Derive(u.Use), key);
}
