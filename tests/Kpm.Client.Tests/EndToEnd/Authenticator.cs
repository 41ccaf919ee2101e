using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>An authenticator app (RFC 6238, SHA-1, 6 digits, 30 s), written apart from the server's.</summary>
internal sealed class Authenticator
{
    private readonly byte[] _secret;
    private long _last;

    public Authenticator(string base32)
    {
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var bits = string.Concat(base32.TrimEnd('=').Select(letter => Convert.ToString(alphabet.IndexOf(letter, StringComparison.Ordinal), 2).PadLeft(5, '0')));
        _secret = [.. Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.Substring(i * 8, 8), 2))];
    }

    /// <summary>The digits of a step that was not taken yet; waits for one where it must.</summary>
    public async Task<string> NextAsync(CancellationToken cancellationToken)
    {
        while (DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 30 <= _last)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
        }

        _last = DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 30;
        var counter = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(counter, _last);
#pragma warning disable CA5350 // RFC 6238 as authenticator apps have it: HMAC-SHA-1 is unbroken for this.
        var hash = HMACSHA1.HashData(_secret, counter);
#pragma warning restore CA5350
        var number = BinaryPrimitives.ReadInt32BigEndian(hash.AsSpan(hash[^1] & 15)) & 0x7fff_ffff;
        return (number % 1_000_000).ToString("D6", CultureInfo.InvariantCulture);
    }
}
