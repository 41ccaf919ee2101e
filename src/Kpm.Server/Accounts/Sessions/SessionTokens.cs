using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using Kpm.Server.Secrets;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>
/// A refresh token: session, generation, a 256-bit secret, and the server's tag over them. The tag lets
/// the server tell a token of its own that is long spent from a made-up one without storing any spent token.
/// </summary>
internal sealed record RefreshToken
{
    public required Guid SessionId { get; init; }
    public required uint Generation { get; init; }

    /// <summary>The token as the client holds it.</summary>
    public required string Text { get; init; }

    public byte[] Hash => SecretToken.Hash(Text);
}

/// <summary>Makes and reads the tokens of sessions.</summary>
internal sealed class SessionTokens(RootKey root)
{
    private const int SecretAt = 16 + 4;
    private const int TagAt = SecretAt + SecretToken.SecretBytes;
    private const int TagBytes = 16;
    private const int TokenBytes = TagAt + TagBytes;

    private readonly byte[] _accessKey = root.Derive("access-token");
    private readonly byte[] _successorKey = root.Derive("refresh-successor");
    private readonly byte[] _tagKey = root.Derive("refresh-tag");

    public RefreshToken NewFamily(Guid sessionId) => Write(sessionId, 0, RandomNumberGenerator.GetBytes(SecretToken.SecretBytes));

    /// <summary>The next token is HMAC(server key, old token): it can be given again during the grace without being stored.</summary>
    public RefreshToken Successor(RefreshToken token) =>
        Write(token.SessionId, token.Generation + 1, HMACSHA256.HashData(_successorKey, Base64Url.DecodeFromChars(token.Text)));

    /// <summary>The access token that is given out together with a refresh token.</summary>
    public string AccessToken(RefreshToken token) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(_accessKey, Base64Url.DecodeFromChars(token.Text)));

    /// <summary>False for whatever this server has not made.</summary>
    public bool TryRead(string text, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out RefreshToken? token)
    {
        token = null;
        Span<byte> bytes = stackalloc byte[TokenBytes];
        if (text.Length != Base64Url.GetEncodedLength(TokenBytes)
            // TryDecode returns false for a small destination only, and throws for a character that is none of base64url.
            || !Base64Url.IsValid(text) || !Base64Url.TryDecodeFromChars(text, bytes, out var length) || length != TokenBytes
            || !CryptographicOperations.FixedTimeEquals(Tag(bytes[..TagAt]), bytes[TagAt..])
            // Base64 has several spellings of the last bits; only one of them is the token.
            || Base64Url.EncodeToString(bytes) != text)
        {
            return false;
        }

        token = new RefreshToken
        {
            SessionId = Ids.FromBytes(bytes[..16]),
            Generation = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]),
            Text = text,
        };
        return true;
    }

    private RefreshToken Write(Guid sessionId, uint generation, byte[] secret)
    {
        var bytes = new byte[TokenBytes];
        sessionId.ToBytes().CopyTo(bytes, 0);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), generation);
        secret.CopyTo(bytes, SecretAt);
        Tag(bytes.AsSpan(0, TagAt)).CopyTo(bytes, TagAt);
        return new RefreshToken { SessionId = sessionId, Generation = generation, Text = Base64Url.EncodeToString(bytes) };
    }

    private byte[] Tag(ReadOnlySpan<byte> content) => HMACSHA256.HashData(_tagKey, content)[..TagBytes];
}
