using System.Security.Cryptography;
using Kpm.Server.Secrets;
using SimpleBase;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>Ten codes for the day when phone and authenticator are gone: 128 bits each, kept as keyed hashes, each used once.</summary>
internal sealed class RecoveryCodes(RootKey root)
{
    public const int Count = 10;

    private const int CodeBytes = 16;
    private const int GroupCharacters = 5;

    /// <summary>Of a code without its hyphens: 128 bits at 5 bits each.</summary>
    private const int Characters = 26;

    private readonly byte[] _key = root.Derive("recovery-code");

    /// <summary>New codes as the person keeps them, and what is stored of them.</summary>
    public (IReadOnlyList<string> Codes, IReadOnlyList<byte[]> Hashes) New(Guid accountId)
    {
        var secrets = Enumerable.Range(0, Count).Select(_ => RandomNumberGenerator.GetBytes(CodeBytes)).ToList();
        return ([.. secrets.Select(Write)], [.. secrets.Select(s => Hash(accountId, s))]);
    }

    /// <summary>The hash to look for; null for what can't be a code. Crockford's base32 reads O as 0, I and L as 1.</summary>
    public byte[]? HashOf(Guid accountId, string text)
    {
        var characters = string.Concat(text.Where(c => c != '-' && !char.IsWhiteSpace(c)));
        var bytes = new byte[Base32.Crockford.GetSafeByteCountForDecoding(characters)];
        // The last character carries 5 bits of which 3 count: another spelling of them is another text.
        return characters.Length == Characters && characters.All(char.IsAsciiLetterOrDigit)
            && Base32.Crockford.TryDecode(characters, bytes, out var length) && length == CodeBytes && Canonical(characters) == Plain(bytes.AsSpan(0, CodeBytes))
                ? Hash(accountId, bytes.AsSpan(0, CodeBytes))
                : null;
    }

    private static string Write(byte[] secret) => string.Join('-', Plain(secret).Chunk(GroupCharacters).Select(c => new string(c)));

    private static string Plain(ReadOnlySpan<byte> secret) => Base32.Crockford.Encode(secret).ToUpperInvariant();

    private static string Canonical(string characters) =>
        characters.ToUpperInvariant().Replace('O', '0').Replace('I', '1').Replace('L', '1');

    private byte[] Hash(Guid accountId, ReadOnlySpan<byte> secret) => HMACSHA256.HashData(_key, (byte[])[.. accountId.ToBytes(), .. secret]);
}
