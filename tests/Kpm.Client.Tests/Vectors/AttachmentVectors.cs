using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Kpm.Client.Kpm1;
using static Kpm.Client.Tests.Vectors.VectorInputs;

namespace Kpm.Client.Tests.Vectors;

/// <summary>Attachments of every length that matters, and ciphertexts that a reader must refuse.</summary>
internal sealed class AttachmentVectors
{
    private const int Chunk = AttachmentCipher.ChunkSize;
    private const int SealedChunk = AttachmentCipher.SealedChunkSize;
    private readonly VectorFile _file = new("attachment", "Attachments. Byte i of the plaintext is i mod 251. chunks describe the sealed chunks; ciphertext stands there where it is short, its SHA-256 always. A negative is read with the values of the positive named in of, but for those that it gives itself (length and chunk_count are what the item promises); its ciphertext is that positive's, cut and put together by pieces (pairs of offsets, from and up to but not including), with the byte at flip.offset XORed by flip.xor.");
    private readonly Dictionary<string, int> _lengths = new(StringComparer.Ordinal);

    public static byte[] Plaintext(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i % 251))];

    public static VectorFile Make()
    {
        var vectors = new AttachmentVectors();
        vectors.Add("a short one", 1000);
        vectors.Add("an empty one", 0);
        vectors.Add("one byte", 1);
        vectors.Add("one byte less than a chunk", Chunk - 1);
        vectors.Add("exactly one chunk", Chunk);
        vectors.Add("a chunk and a byte", Chunk + 1);
        vectors.Add("exactly three chunks", 3 * Chunk);
        vectors.AddRefused();
        return vectors._file;
    }

    private void Add(string name, int length)
    {
        _lengths[name] = length;
        var key = Bytes("attachment key of " + name, 32);
        var place = new AttachmentPlace(Id("account"), Id("account"), Id("item 1"), Id("attachment of " + name));
        using var cipher = new AttachmentCipher(key, place);
        using var plaintext = new MemoryStream(Plaintext(length));
        using var ciphertext = new MemoryStream();
        var made = cipher.SealAsync(plaintext, ciphertext, CancellationToken.None).GetAwaiter().GetResult();
        var bytes = ciphertext.ToArray();
        var chunks = new JsonArray();
        for (var index = 0; index < made.Chunks; index++)
        {
            var (aad, nonce) = (new byte[AttachmentCipher.AadSize], new byte[12]);
            cipher.WriteAad((uint)index, index == made.Chunks - 1, aad);
            AttachmentCipher.WriteNonce((uint)index, nonce);
            var sealedChunk = bytes.AsSpan(index * SealedChunk, Math.Min(SealedChunk, bytes.Length - (index * SealedChunk)));
            chunks.Add(new JsonObject
            {
                ["index"] = index,
                ["final"] = index == made.Chunks - 1,
                ["aad"] = Hex(aad),
                ["nonce"] = Hex(nonce),
                ["size"] = sealedChunk.Length,
                ["tag"] = Hex(sealedChunk[^16..]),
            });
        }

        var vector = new JsonObject
        {
            ["name"] = name,
            ["account"] = place.Account.ToString("D"),
            ["vault"] = place.Vault.ToString("D"),
            ["item"] = place.Item.ToString("D"),
            ["attachment"] = place.Attachment.ToString("D"),
            ["key"] = Hex(key),
            ["length"] = HeaderVectors.Number(made.Length),
            ["chunk_count"] = made.Chunks,
            ["chunks"] = chunks,
            ["ciphertext_length"] = HeaderVectors.Number(made.CiphertextLength),
            ["sha256"] = Hex(made.Sha256),
        };
        if (bytes.Length < 2000)
        {
            vector["ciphertext"] = Hex(bytes);
        }

        Assert.Equal(SHA256.HashData(bytes), made.Sha256);
        _file.Positive.Add(vector);
    }

    private void AddRefused()
    {
        const string Short = "a short one";
        const string Three = "exactly three chunks";
        const int Whole = 3 * SealedChunk;
        void Refuse(string name, Kpm1Error error, string of, (int From, int To)[]? pieces = null, JsonObject? more = null)
        {
            var length = _lengths[of];
            var vector = new JsonObject
            {
                ["of"] = of,
                ["pieces"] = new JsonArray([.. (pieces ?? [(0, length + (16 * (int)AttachmentCipher.ChunksOf((ulong)length)))]).Select(piece => (JsonNode)new JsonArray(piece.From, piece.To))]),
            };
            foreach (var (key, value) in more ?? [])
            {
                vector[key] = value?.DeepClone();
            }

            _file.Refuse(name, error, vector);
        }

        foreach (var offset in new[] { 0, 1, 500, 999, 1000, 1015 })
        {
            Refuse($"byte {offset} flipped", Kpm1Error.DecryptionFailed, Short, more: VectorFile.Flip(offset));
        }

        Refuse("a byte of the last chunk flipped", Kpm1Error.DecryptionFailed, Three, more: VectorFile.Flip(Whole - 17));
        Refuse("the tag of an empty one flipped", Kpm1Error.DecryptionFailed, "an empty one", more: VectorFile.Flip(0));
        Refuse("nothing", Kpm1Error.AttachmentInvalid, Short, [(0, 0)]);
        Refuse("nothing of an empty one", Kpm1Error.AttachmentInvalid, "an empty one", [(0, 0)]);
        Refuse("one byte short", Kpm1Error.AttachmentInvalid, Short, [(0, 1015)]);
        Refuse("one byte long", Kpm1Error.AttachmentInvalid, Short, [(0, 1016), (0, 1)]);
        Refuse("the last chunk is cut off", Kpm1Error.AttachmentInvalid, Three, [(0, 2 * SealedChunk)]);
        Refuse("the last chunk is cut off, and the item promises less", Kpm1Error.DecryptionFailed, Three, [(0, 2 * SealedChunk)], new JsonObject { ["length"] = HeaderVectors.Number(2 * Chunk), ["chunk_count"] = 2 });
        Refuse("the first chunk is cut off, and the item promises less", Kpm1Error.DecryptionFailed, Three, [(SealedChunk, Whole)], new JsonObject { ["length"] = HeaderVectors.Number(2 * Chunk), ["chunk_count"] = 2 });
        Refuse("the first two chunks are swapped", Kpm1Error.DecryptionFailed, Three, [(SealedChunk, 2 * SealedChunk), (0, SealedChunk), (2 * SealedChunk, Whole)]);
        Refuse("the last two chunks are swapped", Kpm1Error.DecryptionFailed, Three, [(0, SealedChunk), (2 * SealedChunk, Whole), (SealedChunk, 2 * SealedChunk)]);
        Refuse("the first chunk twice", Kpm1Error.DecryptionFailed, Three, [(0, SealedChunk), (0, SealedChunk), (2 * SealedChunk, Whole)]);
        Refuse("a last chunk that is not final", Kpm1Error.DecryptionFailed, Three, [(0, SealedChunk)], new JsonObject { ["length"] = HeaderVectors.Number(Chunk), ["chunk_count"] = 1 });
        Refuse("another item", Kpm1Error.DecryptionFailed, Short, more: new JsonObject { ["item"] = Id("item 2").ToString("D") });
        Refuse("another attachment", Kpm1Error.DecryptionFailed, Short, more: new JsonObject { ["attachment"] = Id("attachment of one byte").ToString("D") });
        Refuse("another account", Kpm1Error.DecryptionFailed, Short, more: new JsonObject { ["account"] = Id("another account").ToString("D") });
        Refuse("another vault", Kpm1Error.DecryptionFailed, Short, more: new JsonObject { ["vault"] = Id("another account").ToString("D") });
        Refuse("another key", Kpm1Error.DecryptionFailed, Short, more: new JsonObject { ["key"] = Hex(Bytes("another key", 32)) });
        Refuse("a key of 16 bytes", Kpm1Error.AttachmentInvalid, Short, more: new JsonObject { ["key"] = Hex(Bytes("another key", 16)) });
        Refuse("more chunks than the length gives", Kpm1Error.AttachmentInvalid, Short, more: new JsonObject { ["chunk_count"] = 2 });
        Refuse("no chunks", Kpm1Error.AttachmentInvalid, "an empty one", more: new JsonObject { ["chunk_count"] = 0 });
        Refuse("longer than one may be", Kpm1Error.AttachmentInvalid, Short, more: new JsonObject { ["length"] = HeaderVectors.Number(AttachmentCipher.MaxLength + 1), ["chunk_count"] = 101 });
    }
}
