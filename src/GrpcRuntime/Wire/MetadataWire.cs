using System.Buffers;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>Metadata as HTTP headers: binary values are base64, sent without padding and read with or without.</summary>
internal static class MetadataWire
{
    /// <summary>Whether a header is the protocol's own, so that it is no metadata in either direction.</summary>
    public static bool IsReserved(string key) => key.Length == 0 || key[0] switch
    {
        ':' => true,
        // grpc-status-details-bin is the one grpc- header that applications read and write.
        'g' or 'G' => key.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase)
            && !key.Equals("grpc-status-details-bin", StringComparison.OrdinalIgnoreCase),
        't' or 'T' => key.Equals("te", StringComparison.OrdinalIgnoreCase)
            || key.Equals("transfer-encoding", StringComparison.OrdinalIgnoreCase),
        'c' or 'C' => key.Equals("content-type", StringComparison.OrdinalIgnoreCase)
            || key.Equals("content-length", StringComparison.OrdinalIgnoreCase)
            || key.Equals("content-encoding", StringComparison.OrdinalIgnoreCase)
            || key.Equals("connection", StringComparison.OrdinalIgnoreCase),
        'h' or 'H' => key.Equals("host", StringComparison.OrdinalIgnoreCase),
        _ => false,
    };

    /// <summary>The value of an entry as it goes into a header.</summary>
    public static string HeaderValue(Metadata.Entry entry) => entry.IsBinary ? EncodeBinary(entry.BinaryValue) : entry.Value;

    public static string EncodeBinary(ReadOnlySpan<byte> value)
    {
        var padded = Convert.ToBase64String(value);
        return padded.TrimEnd('=');
    }

    /// <summary>
    /// Adds a received header; several binary values in one header, joined with commas, become one entry each.
    /// False when a binary value is no base64: nothing was added then.
    /// </summary>
    public static bool TryAdd(Metadata metadata, string key, string value)
    {
        if (!IsLowerCase(key))
        {
            key = key.ToLowerInvariant();
        }

        if (!Metadata.Entry.IsBinaryKey(key))
        {
            metadata.Add(Metadata.Entry.FromWire(key, value));
            return true;
        }

        if (!value.Contains(',', StringComparison.Ordinal))
        {
            if (!TryDecodeBinary(value, out var bytes))
            {
                return false;
            }

            metadata.Add(Metadata.Entry.FromWire(key, bytes));
            return true;
        }

        var entries = new List<Metadata.Entry>();
        foreach (var part in value.AsSpan().Split(','))
        {
            if (!TryDecodeBinary(value.AsSpan(part), out var bytes))
            {
                return false;
            }

            entries.Add(Metadata.Entry.FromWire(key, bytes));
        }

        foreach (var entry in entries)
        {
            metadata.Add(entry);
        }

        return true;
    }

    /// <summary>One value, without commas.</summary>
    public static bool TryDecodeBinary(ReadOnlySpan<char> text, out byte[] value)
    {
        text = text.Trim(" \t").TrimEnd('=');
        value = [];
        // One character over a whole number of groups holds six bits only: no byte.
        if (text.Length % 4 == 1)
        {
            return false;
        }

        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('+' or '/'))
            {
                return false;
            }
        }

        var paddedLength = (text.Length + 3) / 4 * 4;
        char[]? rented = null;
        var padded = paddedLength <= 256 ? stackalloc char[256] : rented = ArrayPool<char>.Shared.Rent(paddedLength);
        padded = padded[..paddedLength];
        text.CopyTo(padded);
        padded[text.Length..].Fill('=');
        var bytes = new byte[text.Length * 3 / 4];
        var ok = Convert.TryFromBase64Chars(padded, bytes, out var written) && written == bytes.Length;
        if (rented is not null)
        {
            ArrayPool<char>.Shared.Return(rented);
        }

        value = ok ? bytes : [];
        return ok;
    }

    private static bool IsLowerCase(string key)
    {
        foreach (var c in key)
        {
            if (char.IsAsciiLetterUpper(c))
            {
                return false;
            }
        }

        return true;
    }
}
