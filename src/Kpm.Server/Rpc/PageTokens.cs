using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Secrets;

namespace Kpm.Server.Rpc;

/// <summary>
/// Opaque page tokens: a position and a tag over it, the rpc and the account, so that what comes back
/// is what was given out, for the same list.
/// </summary>
internal sealed class PageTokens(RootKey root)
{
    private const int TagBytes = 16;

    private readonly byte[] _key = root.Derive("page-token");

    public string Write(byte[] position, string method, Guid accountId) => Base64Url.EncodeToString([.. position, .. Tag(position, method, accountId)]);

    /// <summary>The position; null for an empty token, the first page.</summary>
    public byte[]? Read(string token, string method, Guid accountId)
    {
        if (token.Length == 0)
        {
            return null;
        }

        var bytes = new byte[Base64Url.GetMaxDecodedLength(token.Length)];
        // Base64 has several spellings of the same bytes (white space, the last bits); only one of them was given out.
        if (Base64Url.IsValid(token) && Base64Url.TryDecodeFromChars(token, bytes, out var length) && length >= TagBytes
            && Base64Url.EncodeToString(bytes.AsSpan(0, length)) == token)
        {
            var position = bytes[..(length - TagBytes)];
            if (CryptographicOperations.FixedTimeEquals(Tag(position, method, accountId), bytes.AsSpan(position.Length, TagBytes)))
            {
                return position;
            }
        }

        throw Errors.Field("page_token", "MALFORMED", "must be a next_page_token of the same list");
    }

    private byte[] Tag(byte[] position, string method, Guid accountId) =>
        HMACSHA256.HashData(_key, (byte[])[.. Encoding.ASCII.GetBytes(method), 0, .. accountId.ToBytes(), .. position])[..TagBytes];
}
