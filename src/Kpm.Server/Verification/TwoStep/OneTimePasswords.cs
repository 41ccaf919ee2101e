using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>RFC 6238 over HMAC-SHA-1, which is what authenticator apps implement; SHA-1's collisions do not touch an HMAC.</summary>
internal sealed class OneTimePasswords : IOneTimePasswords
{
    public const int StepSeconds = 30;
    public const int Digits = 6;

    private const long Steps = 1;

    public long? StepOf(ReadOnlySpan<byte> secret, string code, DateTimeOffset now, long afterStep)
    {
        var present = Step(now);
        long? found = null;
        for (var step = present - Steps; step <= present + Steps; step++)
        {
            // All are computed and compared, so that the time tells nothing about which one it was.
            if (CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Code(secret, step, Digits)), Encoding.UTF8.GetBytes(code)) && step > afterStep)
            {
                found ??= step;
            }
        }

        return found;
    }

    public static long Step(DateTimeOffset time) => time.ToUnixTimeSeconds() / StepSeconds;

    /// <summary>HOTP of RFC 4226 over the step.</summary>
    public static string Code(ReadOnlySpan<byte> secret, long step, int digits)
    {
        Span<byte> counter = stackalloc byte[sizeof(long)];
        Span<byte> mac = stackalloc byte[HMACSHA1.HashSizeInBytes];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
#pragma warning disable CA5350 // RFC 6238 as the apps implement it; see the class
        HMACSHA1.HashData(secret, counter, mac);
#pragma warning restore CA5350
        var number = BinaryPrimitives.ReadUInt32BigEndian(mac[(mac[^1] & 0xf)..]) & 0x7fff_ffff;
        return (number % (uint)Math.Pow(10, digits)).ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');
    }
}
