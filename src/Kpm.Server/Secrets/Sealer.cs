using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Kpm.Server.Secrets;

/// <summary>
/// Encrypts what the database must not hold in plain text: AES-256-GCM under a key of the root key for each use.
/// A box is nonce || ciphertext || tag, and opens only for the use and the row that it was sealed for.
/// </summary>
internal sealed class Sealer(RootKey root)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly ConcurrentDictionary<string, byte[]> _keys = new(StringComparer.Ordinal);

    /// <param name="use">What is sealed, such as "outbox": each use has its own key.</param>
    /// <param name="row">Identifies the row, so that a box can't be moved to another one.</param>
    /// <param name="plain">The secret.</param>
    public byte[] Seal(string use, ReadOnlySpan<byte> row, ReadOnlySpan<byte> plain)
    {
        var box = new byte[NonceBytes + plain.Length + TagBytes];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(Key(use), TagBytes);
        aes.Encrypt(box.AsSpan(0, NonceBytes), plain, box.AsSpan(NonceBytes, plain.Length), box.AsSpan(NonceBytes + plain.Length), row);
        return box;
    }

    /// <exception cref="CryptographicException">The box was sealed for another use or row, with another root key, or is damaged.</exception>
    public byte[] Open(string use, ReadOnlySpan<byte> row, ReadOnlySpan<byte> box)
    {
        if (box.Length < NonceBytes + TagBytes)
        {
            throw new CryptographicException("The box is too short.");
        }

        var plain = new byte[box.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(Key(use), TagBytes);
        aes.Decrypt(box[..NonceBytes], box[NonceBytes..^TagBytes], box[^TagBytes..], plain, row);
        return plain;
    }

    private byte[] Key(string use) => _keys.GetOrAdd(use, static (u, r) => r.Derive(u), root);
}
