using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Kpm.Client.Kpm1;

/// <summary>What an attachment belongs to: bound to every chunk of it.</summary>
/// <param name="Account">The account.</param>
/// <param name="Vault">The vault; equal to the account today.</param>
/// <param name="Item">The item.</param>
/// <param name="Attachment">The attachment.</param>
public sealed record AttachmentPlace(Guid Account, Guid Vault, Guid Item, Guid Attachment);

/// <summary>What sealing an attachment gave.</summary>
/// <param name="Length">Bytes of the plaintext.</param>
/// <param name="Chunks">Number of chunks.</param>
/// <param name="Sha256">SHA-256 of the ciphertext.</param>
public sealed record SealedAttachment(ulong Length, uint Chunks, byte[] Sha256)
{
    /// <summary>Bytes of the ciphertext.</summary>
    public ulong CiphertextLength => Length + (Chunks * (ulong)Layout.TagSize);
}

/// <summary>Encrypts attachments chunk by chunk, structure 8 of docs/crypto.md. One key encrypts one attachment, once.</summary>
public sealed class AttachmentCipher : IDisposable
{
    /// <summary>Bytes of a chunk's plaintext; the last one may be shorter.</summary>
    public const int ChunkSize = 512 * 1024;

    /// <summary>Bytes of a sealed chunk; the last one may be shorter.</summary>
    public const int SealedChunkSize = ChunkSize + Layout.TagSize;

    /// <summary>The most chunks of an attachment.</summary>
    public const int MaxChunks = 100;

    /// <summary>The most bytes of an attachment, 50 MiB.</summary>
    public const ulong MaxLength = (ulong)MaxChunks * ChunkSize;

    internal const int AadSize = 80;

    private readonly AesGcm _gcm;
    private readonly AttachmentPlace _place;

    /// <summary>A cipher for one attachment.</summary>
    /// <param name="key">Its key, 32 bytes.</param>
    /// <param name="place">What it belongs to.</param>
    /// <exception cref="Kpm1Exception">ATTACHMENT_INVALID: the key has another length.</exception>
    public AttachmentCipher(ReadOnlySpan<byte> key, AttachmentPlace place)
    {
        Require(key.Length == Layout.KeySize);
        _gcm = new AesGcm(key, Layout.TagSize);
        _place = place;
    }

    /// <summary>A new key, for one attachment and no other.</summary>
    /// <returns>32 bytes.</returns>
    public static byte[] NewKey() => Primitives.Random(Layout.KeySize);

    /// <summary>How many chunks a plaintext of that length has: at least one.</summary>
    /// <param name="length">At most 50 MiB.</param>
    /// <returns>1 to 100.</returns>
    /// <exception cref="Kpm1Exception">ATTACHMENT_INVALID: it is longer.</exception>
    public static uint ChunksOf(ulong length)
    {
        Require(length <= MaxLength);
        return length == 0 ? 1 : (uint)((length + ChunkSize - 1) / ChunkSize);
    }

    /// <summary>Throws unless a ciphertext of that length can be the attachment that the item promises.</summary>
    /// <param name="length">The plaintext's length, by the item.</param>
    /// <param name="chunks">The number of chunks, by the item.</param>
    /// <param name="ciphertextLength">Bytes that there are.</param>
    /// <exception cref="Kpm1Exception">ATTACHMENT_INVALID.</exception>
    public static void RequireLength(ulong length, uint chunks, ulong ciphertextLength) =>
        Require(chunks == ChunksOf(length) && ciphertextLength == length + (chunks * (ulong)Layout.TagSize));

    /// <inheritdoc/>
    public void Dispose() => _gcm.Dispose();

    /// <summary>Seals a stream to another, holding one chunk in memory at a time.</summary>
    /// <param name="plaintext">Read to its end.</param>
    /// <param name="ciphertext">Written to.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What the item must keep of it.</returns>
    /// <exception cref="Kpm1Exception">ATTACHMENT_INVALID: longer than 50 MiB.</exception>
    public async Task<SealedAttachment> SealAsync(Stream plaintext, Stream ciphertext, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plaintext);
        ArgumentNullException.ThrowIfNull(ciphertext);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (chunk, next) = (new byte[ChunkSize], new byte[ChunkSize]);
        var sealedChunk = new byte[SealedChunkSize];
        try
        {
            var count = await plaintext.ReadAtLeastAsync(chunk, ChunkSize, throwOnEndOfStream: false, cancellationToken);
            var (index, length) = (0u, 0UL);
            while (true)
            {
                // A chunk that is full may be the last: only what follows tells.
                var following = count < ChunkSize ? 0 : await plaintext.ReadAtLeastAsync(next, ChunkSize, throwOnEndOfStream: false, cancellationToken);
                Require(index < MaxChunks);
                SealChunk(index, final: following == 0, chunk.AsSpan(0, count), sealedChunk.AsSpan(0, count + Layout.TagSize));
                await ciphertext.WriteAsync(sealedChunk.AsMemory(0, count + Layout.TagSize), cancellationToken);
                hash.AppendData(sealedChunk, 0, count + Layout.TagSize);
                length += (ulong)count;
                index++;
                if (following == 0)
                {
                    return new SealedAttachment(length, index, hash.GetHashAndReset());
                }

                (chunk, next, count) = (next, chunk, following);
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(chunk);
            CryptographicOperations.ZeroMemory(next);
        }
    }

    /// <summary>Opens one chunk; no byte of it is given out before its tag is checked.</summary>
    /// <param name="index">Its place, from 0.</param>
    /// <param name="final">It is the last one.</param>
    /// <param name="sealedChunk">The chunk with its tag.</param>
    /// <param name="plaintext">Where its plaintext goes: 16 bytes less.</param>
    /// <exception cref="Kpm1Exception">DECRYPTION_FAILED.</exception>
    public void OpenChunk(uint index, bool final, ReadOnlySpan<byte> sealedChunk, Span<byte> plaintext)
    {
        Span<byte> nonce = stackalloc byte[Layout.NonceSize];
        Span<byte> aad = stackalloc byte[AadSize];
        WriteNonce(index, nonce);
        WriteAad(index, final, aad);
        var count = sealedChunk.Length - Layout.TagSize;
        try
        {
            _gcm.Decrypt(nonce, sealedChunk[..count], sealedChunk[count..], plaintext[..count], aad);
        }
        catch (AuthenticationTagMismatchException mismatch)
        {
            throw new Kpm1Exception(Kpm1Error.DecryptionFailed, mismatch);
        }
    }

    /// <summary>Opens a ciphertext that is all there.</summary>
    /// <param name="ciphertext">Read to its end.</param>
    /// <param name="plaintext">Gets each chunk after its tag was checked. What it got counts only once this has returned.</param>
    /// <param name="length">The plaintext's length, by the item.</param>
    /// <param name="chunks">The number of chunks, by the item.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>When the whole was written.</returns>
    /// <exception cref="Kpm1Exception">ATTACHMENT_INVALID or DECRYPTION_FAILED.</exception>
    public async Task OpenAsync(Stream ciphertext, Stream plaintext, ulong length, uint chunks, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ciphertext);
        ArgumentNullException.ThrowIfNull(plaintext);
        RequireLength(length, chunks, length + (chunks * (ulong)Layout.TagSize));
        var sealedChunk = new byte[SealedChunkSize];
        var opened = new byte[ChunkSize];
        try
        {
            for (var index = 0u; index < chunks; index++)
            {
                var count = (int)Math.Min(ChunkSize, length - ((ulong)index * ChunkSize));
                Require(await ciphertext.ReadAtLeastAsync(sealedChunk.AsMemory(0, count + Layout.TagSize), count + Layout.TagSize, throwOnEndOfStream: false, cancellationToken) == count + Layout.TagSize);
                OpenChunk(index, index == chunks - 1, sealedChunk.AsSpan(0, count + Layout.TagSize), opened);
                await plaintext.WriteAsync(opened.AsMemory(0, count), cancellationToken);
            }

            Require(await ciphertext.ReadAsync(sealedChunk.AsMemory(0, 1), cancellationToken) == 0);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(opened);
        }
    }

    internal static void WriteNonce(uint index, Span<byte> nonce)
    {
        nonce.Clear();
        BinaryPrimitives.WriteUInt64BigEndian(nonce[4..], index);
    }

    internal void WriteAad(uint index, bool final, Span<byte> aad)
    {
        var writer = new SpanWriter(aad);
        writer.Prefix(Structure.AttachmentAad);
        writer.U8(final ? (byte)1 : (byte)0);
        writer.U8(0);
        writer.Id(_place.Account);
        writer.Id(_place.Vault);
        writer.Id(_place.Item);
        writer.Id(_place.Attachment);
        writer.U64(index);
    }

    private static void Require(bool condition)
    {
        if (!condition)
        {
            throw new Kpm1Exception(Kpm1Error.AttachmentInvalid);
        }
    }

    private void SealChunk(uint index, bool final, ReadOnlySpan<byte> plaintext, Span<byte> sealedChunk)
    {
        Span<byte> nonce = stackalloc byte[Layout.NonceSize];
        Span<byte> aad = stackalloc byte[AadSize];
        WriteNonce(index, nonce);
        WriteAad(index, final, aad);
        _gcm.Encrypt(nonce, plaintext, sealedChunk[..plaintext.Length], sealedChunk[plaintext.Length..], aad);
    }
}
