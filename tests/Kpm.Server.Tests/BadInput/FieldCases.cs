using System.Collections;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>What a server must do with a case.</summary>
internal enum Expected
{
    /// <summary>INVALID_ARGUMENT naming exactly the case's field.</summary>
    Violation,

    /// <summary>No valid protobuf: INTERNAL, made by the gRPC runtime.</summary>
    Undecodable,

    /// <summary>A value inside the field's bounds: any answer of the catalogue but a complaint about the field.</summary>
    Answered,
}

internal sealed record FieldCase(string Path, string Name, byte[] Request, Expected Expected)
{
    public override string ToString() => $"{Path} = {Name}";
}

/// <summary>
/// Every field of a valid request, once with each value that its type and its constraints make interesting, all
/// other fields left valid. Everything comes from the descriptors.
/// </summary>
internal sealed class FieldCases
{
    private const string Marker = "kpm-marker";

    private static readonly string[] MalformedEmails =
    [
        "a", "a@", "@example.com", "a b@example.com", "a@b@example.com", "a@example..com", "a@-example.com", ".a@example.com",
        "a@example.com.", "a@localhost", "a@127.0.0.1", "a@[127.0.0.1]", "\"a b\"@example.com", "a@exa mple.com", "a@example.com\r\nBcc: b@example.com",
        new string('a', 65) + "@example.com", "a@" + new string('b', 64) + ".com", " a@example.com", "a@example.com ", "a,b@example.com", "<a@example.com>",
    ];

    private static readonly string[] MalformedUuids =
    [
        "0192F1C4-6B7A-7C3D-8E9F-0A1B2C3D4E5F", "{0192f1c4-6b7a-7c3d-8e9f-0a1b2c3d4e}", "0192f1c46b7a7c3d8e9f0a1b2c3d4e5f", "0192f1c4-6b7a-7c3d-8e9f-0a1b2c3d4e5",
        "0192f1c4-6b7a-7c3d-8e9f-0a1b2c3d4e5g", "0192f1c4-6b7a-7c3d-8e9f-0a1b2c3d4e5 ", "0192f1c4+6b7a-7c3d-8e9f-0a1b2c3d4e5f", "\uff10192f1c4-6b7a-7c3d-8e9f-0a1b2c3d4e5", "..", "1",
    ];

    private static readonly string[] MalformedLanguages = ["-", "d", "de_AT", "de-", "-de", "de--AT", "12", "toolongtag", "de-toolongsubtag", "de-u", "d\u00e9"];

    private static readonly string[] ControlCharacters = ["\u0000", "\u0001", "\u0007", "\t", "\n", "\r", "\u001b", "\u007f", "\u0085", "\u2028"];

    // Overlong NUL, a lone continuation byte, a surrogate, a truncated sequence, a value above U+10FFFF, a byte of no sequence.
    private static readonly byte[][] InvalidUtf8 =
        [[0xC0, 0x80], [0x80, 0x61], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF4, 0x90, 0x80, 0x80], [0xFF, 0x61]];

    private readonly IMessage _root;
    private readonly List<FieldCase> _cases = [];
    private readonly HashSet<string> _visited = new(StringComparer.Ordinal);

    private FieldCases(IMessage root) => _root = root;

    /// <summary>All cases of the request, and the paths of the fields that they cover (elements as "[]").</summary>
    public static (IReadOnlyList<FieldCase> Cases, IReadOnlySet<string> Visited) Of(IMessage valid)
    {
        var walk = new FieldCases(Clone(valid));
        walk.WholeMessage();
        walk.Message(walk._root, "");
        return (walk._cases, walk._visited);
    }

    /// <summary>Every field that the type of a request can hold, as <see cref="Of"/> names what it visited.</summary>
    public static IEnumerable<string> AllFields(MessageDescriptor type, string prefix = "")
    {
        foreach (var field in type.Fields.InDeclarationOrder())
        {
            var path = prefix + field.Name;
            yield return path;
            if (field.FieldType == FieldType.Message && !IsWellKnown(field.MessageType))
            {
                foreach (var inner in AllFields(field.MessageType, path + (field.IsRepeated ? "[]." : ".")))
                {
                    yield return inner;
                }
            }
        }
    }

    public static FieldConstraints ConstraintsOf(FieldDescriptor field) =>
        field.GetOptions()?.GetExtension(ConstraintsExtensions.Field) ?? new FieldConstraints();

    public static bool IsWellKnown(MessageDescriptor type) => type.File.Package == "google.protobuf";

    public static IMessage Clone(IMessage message) => message.Descriptor.Parser.ParseFrom(message.ToByteArray());

    private static string Indexed(string path) => System.Text.RegularExpressions.Regex.Replace(path, @"\[\d+\]", "[]", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1));

    private void WholeMessage()
    {
        var bytes = _root.ToByteArray();
        if (bytes.Length > 0)
        {
            _cases.Add(new FieldCase("", "cut off in its last field", bytes[..^1], Expected.Undecodable));
        }

        _cases.Add(new FieldCase("", "tag of field 0", [.. bytes, 0x00], Expected.Undecodable));
        _cases.Add(new FieldCase("", "end of a group that never began", [.. bytes, 0x7C], Expected.Undecodable));
        _cases.Add(new FieldCase("", "length beyond the message", [.. bytes, 0xFA, 0x7F, 0x05, 0x01], Expected.Undecodable));
        _cases.Add(new FieldCase("", "negative length", [.. bytes, 0xFA, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], Expected.Undecodable));
        _cases.Add(new FieldCase("", "varint of 11 bytes", [.. bytes, 0xF8, 0x7F, .. Enumerable.Repeat((byte)0xFF, 10), 0x01], Expected.Undecodable));
        // A field that this version does not know is no error: newer apps talk to older servers.
        _cases.Add(new FieldCase("", "field 2047, unknown to this version", [.. bytes, 0xFA, 0x7F, 0x03, 1, 2, 3], Expected.Answered));
    }

    private void Message(IMessage message, string prefix)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (field.RealContainingOneof is { } oneof && oneof.Accessor.GetCaseFieldDescriptor(message) != field)
            {
                continue;
            }

            var path = prefix + field.Name;
            _visited.Add(Indexed(path));
            if (field.IsRepeated)
            {
                Repeated(message, field, path);
            }
            else
            {
                Single(message, field, path);
            }
        }

        foreach (var oneof in message.Descriptor.Oneofs.Where(o => o.GetOptions()?.GetExtension(ConstraintsExtensions.OneofRequired) == true))
        {
            var field = oneof.Accessor.GetCaseFieldDescriptor(message)!;
            With(message, field, () => oneof.Accessor.Clear(message), prefix + oneof.Name, "missing", Expected.Violation);
        }
    }

    private void Single(IMessage message, FieldDescriptor field, string path)
    {
        var limits = ConstraintsOf(field);
        switch (field.FieldType)
        {
            case FieldType.String:
                foreach (var (name, value, expected) in Strings(field, limits, (string)field.Accessor.GetValue(message)))
                {
                    Set(message, field, path, name, value, expected);
                }

                BrokenUtf8(message, field, path);
                break;
            case FieldType.Bytes:
                foreach (var (name, value, expected) in Blobs(limits, ((ByteString)field.Accessor.GetValue(message)).ToByteArray()))
                {
                    Set(message, field, path, name, ByteString.CopyFrom(value), expected);
                }

                break;
            case FieldType.Message:
                Submessage(message, field, path, limits);
                break;
            case FieldType.Enum:
                foreach (var value in (int[])[0, -1, int.MaxValue, int.MinValue, field.EnumType.Values.Max(v => v.Number) + 1])
                {
                    Set(message, field, path, $"enum {value}", System.Enum.ToObject(field.EnumType.ClrType, value), value == 0 && !limits.Required ? Expected.Answered : Expected.Violation);
                }

                break;
            case FieldType.Bool:
                Set(message, field, path, "true", true, Expected.Answered);
                Set(message, field, path, "false", false, Expected.Answered);
                break;
            default:
                foreach (var (name, value, expected) in Numbers(field.FieldType, limits))
                {
                    Set(message, field, path, name, value, expected);
                }

                break;
        }
    }

    private void Submessage(IMessage message, FieldDescriptor field, string path, FieldConstraints limits)
    {
        var inner = (IMessage?)field.Accessor.GetValue(message);
        Assert.True(inner is not null, $"the base request leaves {path} unset, so its fields can't be tried");
        if (field.RealContainingOneof is null)
        {
            With(message, field, () => field.Accessor.Clear(message), path, "missing", limits.Required ? Expected.Violation : Expected.Answered);
        }

        if (inner is Timestamp time)
        {
            foreach (var (seconds, nanos) in ((long, int)[])[(long.MaxValue, 0), (long.MinValue, 0), (253_402_300_800, 0), (-62_135_596_801, 0), (time.Seconds, -1), (time.Seconds, 1_000_000_000), (time.Seconds, int.MinValue)])
            {
                Set(message, field, path, $"{seconds} s {nanos} ns", new Timestamp { Seconds = seconds, Nanos = nanos }, Expected.Violation);
            }

            foreach (var seconds in (long[])[0, -62_135_596_800, 253_402_300_799])
            {
                Set(message, field, path, $"{seconds} s", new Timestamp { Seconds = seconds }, Expected.Answered);
            }
        }
        else
        {
            Message(inner, path + ".");
        }
    }

    private void Repeated(IMessage message, FieldDescriptor field, string path)
    {
        var limits = ConstraintsOf(field);
        var list = (IList)field.Accessor.GetValue(message);
        Assert.True(list.Count > 0, $"the base request leaves {path} empty, so its elements can't be tried");
        object?[] valid = [.. list.Cast<object?>()];

        void WithList(IEnumerable<object?> elements, string name, string at, Expected expected)
        {
            Replace(elements);
            Add(at, name, expected);
            Replace(valid);
        }

        void Replace(IEnumerable<object?> elements)
        {
            list.Clear();
            foreach (var element in elements)
            {
                list.Add(element);
            }
        }

        WithList([], "empty", path, limits.Required ? Expected.Violation : Expected.Answered);
        if (limits.MaxItems > 0)
        {
            WithList(Enumerable.Repeat(valid[0], (int)limits.MaxItems + 1), "one element too many", path, Expected.Violation);
            WithList(Enumerable.Repeat(valid[0], (int)limits.MaxItems), "as many elements as may be", path, Expected.Answered);
        }

        for (var i = 0; i < valid.Length; i++)
        {
            if (field.FieldType == FieldType.Message)
            {
                Message((IMessage)valid[i]!, $"{path}[{i}].");
            }
            else
            {
                foreach (var (name, value, expected) in Elements(field, limits, valid[i]!))
                {
                    object?[] changed = [.. valid];
                    changed[i] = value;
                    WithList(changed, name, $"{path}[{i}]", expected);
                }
            }
        }
    }

    private static IEnumerable<(string Name, object Value, Expected Expected)> Elements(FieldDescriptor field, FieldConstraints limits, object valid) => field.FieldType switch
    {
        FieldType.String => Strings(field, limits, (string)valid).Select(c => (c.Name, (object)c.Value, c.Expected)),
        FieldType.Bytes => Blobs(limits, ((ByteString)valid).ToByteArray()).Select(c => (c.Name, (object)ByteString.CopyFrom(c.Value), c.Expected)),
        _ => Numbers(field.FieldType, new FieldConstraints()),
    };

    private static IEnumerable<(string Name, string Value, Expected Expected)> Strings(FieldDescriptor field, FieldConstraints limits, string valid)
    {
        var max = (int)limits.MaxLength;
        var min = (int)limits.MinLength;
        yield return ("empty", "", limits.Required ? Expected.Violation : Expected.Answered);
        yield return ("one character too long", new string('a', max + 1), Expected.Violation);
        yield return ("one character outside the BMP too long", string.Concat(Enumerable.Repeat("\U0001F511", max + 1)), Expected.Violation);
        yield return ("100,000 characters", new string('a', 100_000), Expected.Violation);
        if (min > 1)
        {
            yield return ("one character too short", new string('a', min - 1), Expected.Violation);
        }

        foreach (var character in ControlCharacters)
        {
            var control = $"U+{(int)character[0]:X4}";
            var expected = limits.AnyCharacter ? Expected.Answered : Expected.Violation;
            yield return ($"ends with {control}", (valid.Length > 1 ? valid[..^1] : new string('a', Math.Max(min - 1, 0))) + character, expected);
            yield return ($"is {control}", string.Concat(Enumerable.Repeat(character, Math.Max(min, 1))), expected);
        }

        string[] malformed = [.. limits.Uuid ? MalformedUuids : [], .. limits.Email ? MalformedEmails : [], .. limits.Language ? MalformedLanguages : []];
        foreach (var value in malformed)
        {
            yield return ($"malformed {value}", value, Expected.Violation);
        }

        if (malformed.Length == 0)
        {
            yield return ("as long as may be", new string('a', max), Expected.Answered);
            yield return ("as long as may be, outside the BMP", string.Concat(Enumerable.Repeat("\U0001F511", max)), Expected.Answered);
            yield return ("SQL", Fit("'; DROP TABLE change; --", min, max), Expected.Answered);
            yield return ("markup", Fit("<script>alert(1)</script>${7*7}{{7*7}}%n", min, max), Expected.Answered);
            yield return ("a path", Fit("../../../etc/passwd", min, max), Expected.Answered);
        }
    }

    private static string Fit(string text, int min, int max) => text.PadRight(min, 'x')[..Math.Min(max, Math.Max(text.Length, min))];

    private static IEnumerable<(string Name, byte[] Value, Expected Expected)> Blobs(FieldConstraints limits, byte[] valid)
    {
        var max = (int)limits.MaxLength;
        var min = (int)limits.MinLength;
        yield return ("empty", [], limits.Required ? Expected.Violation : Expected.Answered);
        yield return ("one byte too long", new byte[max + 1], Expected.Violation);
        if (min > 1)
        {
            yield return ("one byte too short", new byte[min - 1], Expected.Violation);
        }

        if (limits.P256PublicKey)
        {
            yield return ("65 zeros", new byte[65], Expected.Violation);
            yield return ("a point off the curve", [.. valid[..^1], (byte)(valid[^1] ^ 1)], Expected.Violation);
            yield return ("another form", [2, .. valid[1..]], Expected.Violation);
            yield return ("coordinates above the prime", [4, .. Enumerable.Repeat((byte)0xFF, 64)], Expected.Violation);
            yield return ("the point zero", [4, .. new byte[64]], Expected.Violation);
        }
        else
        {
            yield return ("as long as may be", new byte[max], Expected.Answered);
            yield return ("as short as may be", new byte[Math.Max(min, 1)], Expected.Answered);
            yield return ("all ones", [.. Enumerable.Repeat((byte)0xFF, Math.Max(min, 1))], Expected.Answered);
        }
    }

    private static IEnumerable<(string Name, object Value, Expected Expected)> Numbers(FieldType type, FieldConstraints limits)
    {
        var (lowest, highest) = type switch
        {
            FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => ((Int128)int.MinValue, (Int128)int.MaxValue),
            FieldType.UInt32 or FieldType.Fixed32 => (uint.MinValue, uint.MaxValue),
            FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => (long.MinValue, long.MaxValue),
            FieldType.UInt64 or FieldType.Fixed64 => ((Int128)ulong.MinValue, (Int128)ulong.MaxValue),
            _ => throw new NotSupportedException($"no cases for {type}"),
        };
        var bounded = limits.Min != 0 || limits.Max != 0;
        var min = bounded ? limits.Min : lowest;
        var max = limits.Max != 0 ? limits.Max : highest;
        // A negative number in an unsigned field arrives as the type's greatest values.
        Int128[] values = [0, 1, -1, lowest, highest, min, min - 1, max, max + 1, long.MaxValue, int.MaxValue];
        foreach (var value in values.Where(v => v >= lowest && v <= highest).Distinct())
        {
            var fits = value >= min && value <= max && !(limits.Required && value == 0);
            object typed = type switch
            {
                FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => (int)value,
                FieldType.UInt32 or FieldType.Fixed32 => (uint)value,
                FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => (long)value,
                _ => (ulong)value,
            };
            yield return (value.ToString(System.Globalization.CultureInfo.InvariantCulture), typed, fits ? Expected.Answered : Expected.Violation);
        }
    }

    /// <summary>Puts a marker into the field, and in the encoded message other bytes of the same length into its place.</summary>
    private void BrokenUtf8(IMessage message, FieldDescriptor field, string path)
    {
        var valid = field.Accessor.GetValue(message);
        field.Accessor.SetValue(message, Marker);
        var bytes = _root.ToByteArray();
        field.Accessor.SetValue(message, valid);
        var at = bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Marker));
        foreach (var sequence in InvalidUtf8)
        {
            byte[] broken = [.. bytes];
            sequence.CopyTo(broken, at + Marker.Length - sequence.Length);
            _cases.Add(new FieldCase(path, "invalid UTF-8 " + Convert.ToHexString(sequence), broken, Expected.Undecodable));
        }
    }

    private void Set(IMessage message, FieldDescriptor field, string path, string name, object value, Expected expected) =>
        With(message, field, () => field.Accessor.SetValue(message, value), path, name, expected);

    private void With(IMessage message, FieldDescriptor field, Action change, string path, string name, Expected expected)
    {
        var valid = field.Accessor.GetValue(message);
        change();
        Add(path, name, expected);
        field.Accessor.SetValue(message, valid);
    }

    private void Add(string path, string name, Expected expected) => _cases.Add(new FieldCase(path, name, _root.ToByteArray(), expected));
}
