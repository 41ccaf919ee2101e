using System.Text;

namespace Grpc.Wire;

/// <summary>
/// The text of <c>grpc-message</c>: UTF-8, with every byte outside printable ASCII, and the percent sign, as <c>%XX</c>.
/// </summary>
internal static class PercentEncoding
{
    public static string Encode(string text)
    {
        var escaped = 0;
        foreach (var c in text)
        {
            if (!IsPlain(c))
            {
                escaped++;
            }
        }

        if (escaped == 0)
        {
            return text;
        }

        var result = new StringBuilder(text.Length + (escaped * 8));
        Span<byte> utf8 = stackalloc byte[4];
        // A lone surrogate enumerates as U+FFFD: what is sent is valid UTF-8 always.
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsAscii && IsPlain((char)rune.Value))
            {
                result.Append((char)rune.Value);
                continue;
            }

            foreach (var b in utf8[..rune.EncodeToUtf8(utf8)])
            {
                result.Append('%').Append(HexDigit(b >> 4)).Append(HexDigit(b & 15));
            }
        }

        return result.ToString();
    }

    /// <summary>Never fails: what is no valid escape stands for itself, and bytes that are no UTF-8 become U+FFFD.</summary>
    public static string Decode(string text)
    {
        var first = text.IndexOf('%', StringComparison.Ordinal);
        if (first < 0)
        {
            return text;
        }

        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        var count = 0;
        for (var i = 0; i < text.Length;)
        {
            if (text[i] == '%' && i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]))
            {
                bytes[count++] = (byte)((HexValue(text[i + 1]) << 4) | HexValue(text[i + 2]));
                i += 3;
                continue;
            }

            var next = text.IndexOf('%', i + 1);
            var end = next < 0 ? text.Length : next;
            count += Encoding.UTF8.GetBytes(text.AsSpan(i, end - i), bytes.AsSpan(count));
            i = end;
        }

        return Encoding.UTF8.GetString(bytes, 0, count);
    }

    private static bool IsPlain(char c) => c is >= ' ' and <= '~' and not '%';

    private static char HexDigit(int value) => (char)(value < 10 ? '0' + value : 'A' + value - 10);

    private static int HexValue(char digit) => char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
