using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Kpm.Client.Kpm1;

namespace Kpm.Client.Tests.Vectors;

/// <summary>Inputs that depend on their label alone, so that a regeneration gives the same files.</summary>
internal static class VectorInputs
{
    public static byte[] Bytes(string label, int count)
    {
        var output = new byte[count];
        for (var (done, block) = (0, 0u); done < count; block++)
        {
            byte[] input = [.. Encoding.UTF8.GetBytes(label), 0, .. new byte[4]];
            BinaryPrimitives.WriteUInt32BigEndian(input.AsSpan(^4..), block);
            var hash = SHA256.HashData(input);
            var take = Math.Min(hash.Length, count - done);
            hash.AsSpan(0, take).CopyTo(output.AsSpan(done));
            done += take;
        }

        return output;
    }

    public static Guid Id(string label)
    {
        var bytes = Bytes("id " + label, 16);
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x70);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    public static ECDsa SigningKey(string label) => ECDsa.Create(Parameters("signing " + label));

    public static ECDiffieHellman AgreementKey(string label) => ECDiffieHellman.Create(Parameters("agreement " + label));

    public static byte[] PrivateScalar(ECDiffieHellman key) => key.ExportParameters(includePrivateParameters: true).D!;

    public static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    // A hash is below the order of P-256 but for one in 2^32.
    private static ECParameters Parameters(string label) =>
        new() { Curve = ECCurve.NamedCurves.nistP256, D = Bytes("private key " + label, 32) };
}

/// <summary>ECDSA is random: a signature of the committed file is used again where it verifies.</summary>
internal sealed class StickySigner
{
    private readonly List<byte[]> _known = [];
    private readonly List<string> _used = [];

    public StickySigner(JsonNode? committed) => Collect(committed);

    public byte[] Sign(ECDsa key, ReadOnlySpan<byte> data)
    {
        foreach (var signature in _known)
        {
            if (P256.Verify(key, data, signature))
            {
                _used.Add(VectorInputs.Hex(signature));
                return signature;
            }
        }

        var made = P256.Sign(key, data);
        _known.Add(made);
        _used.Add(VectorInputs.Hex(made));
        return made;
    }

    /// <summary>The signatures that stand inside other bytes of the file, so that the next regeneration finds them.</summary>
    public JsonArray Hidden(string file) =>
        [.. _used.Distinct(StringComparer.Ordinal).Where(signature => !file.Contains($"\"{signature}\"", StringComparison.Ordinal)).Select(signature => (JsonNode)signature)];

    private void Collect(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (_, value) in members)
                {
                    Collect(value);
                }

                break;
            case JsonArray elements:
                foreach (var value in elements)
                {
                    Collect(value);
                }

                break;
            case JsonValue value when value.TryGetValue<string>(out var text) && text.Length == 128 && text.All(char.IsAsciiHexDigitLower):
                _known.Add(Convert.FromHexString(text));
                break;
        }
    }
}

/// <summary>The parts of one file.</summary>
internal sealed class VectorFile(string subject, string description)
{
    public JsonArray Positive { get; } = [];

    public JsonArray Negative { get; } = [];

    public JsonObject ToJson() => new()
    {
        ["subject"] = subject,
        ["description"] = description,
        ["positive"] = Positive,
        ["negative"] = Negative,
    };

    public void Refuse(string name, Kpm1Error error, JsonObject vector)
    {
        var negative = new JsonObject { ["name"] = name, ["error"] = Kpm1Exception.NameOf(error) };
        foreach (var (key, value) in vector)
        {
            negative[key] = value?.DeepClone();
        }

        Negative.Add(negative);
    }

    public static JsonObject Flip(int offset, byte xor = 1) => new() { ["flip"] = new JsonObject { ["offset"] = offset, ["xor"] = xor } };
}
