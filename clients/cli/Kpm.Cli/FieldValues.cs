using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Kpm.Client.Items;

namespace Kpm.Cli;

/// <summary>Fields of an item as text, and back. Bytes are base64; the secret of one-time passwords is base32, as sites show it.</summary>
internal static class FieldValues
{
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    public static string Format(ItemField field, IMessage body)
    {
        var value = field.Descriptor.Accessor.GetValue(body);
        return value switch
        {
            string text => text,
            ByteString { IsEmpty: true } => "",
            ByteString bytes when IsBase32(field) => ToBase32(bytes.Span),
            ByteString bytes => bytes.ToBase64(),
            Enum choice => Convert.ToInt32(choice, CultureInfo.InvariantCulture) == 0 ? "" : ChoiceName(field.Descriptor, choice),
            uint number => number == 0 ? "" : number.ToString(CultureInfo.InvariantCulture),
            int number => number == 0 ? "" : number.ToString(CultureInfo.InvariantCulture),
            _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
        };
    }

    public static void Parse(ItemField field, IMessage body, string text)
    {
        var accessor = field.Descriptor.Accessor;
        if (text.Length == 0)
        {
            accessor.Clear(body);
            return;
        }

        accessor.SetValue(body, field.Descriptor.FieldType switch
        {
            FieldType.String => text,
            FieldType.Bytes when IsBase32(field) => FromBase32(field, text),
            FieldType.Bytes => FromBase64(field, text),
            FieldType.Enum => Choice(field, text),
            FieldType.UInt32 => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Wrong(field, "a whole number"),
            FieldType.SInt32 => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Wrong(field, "a whole number"),
            _ => throw new InvalidOperationException($"{field.Label} has a type that is not typed in."),
        });
    }

    private static bool IsBase32(ItemField field) => field.Descriptor.ContainingType == Client.Schema.OneTimePassword.Descriptor;

    private static UsageException Wrong(ItemField field, string must) => new($"{field.Label} must be {must}.");

    private static ByteString FromBase64(ItemField field, string text)
    {
        try
        {
            return ByteString.FromBase64(text);
        }
        catch (FormatException)
        {
            throw Wrong(field, "base64");
        }
    }

    private static int Choice(ItemField field, string text)
    {
        var choice = field.Descriptor.EnumType.Values.FirstOrDefault(value => value.Name.EndsWith("_" + text, StringComparison.OrdinalIgnoreCase) && value.Number != 0);
        return choice is null ? throw Wrong(field, "one of " + string.Join(", ", field.Descriptor.EnumType.Values.Skip(1).Select(value => value.Name.Split('_')[^1]))) : choice.Number;
    }

    private static string ChoiceName(FieldDescriptor field, Enum choice) =>
        field.EnumType.FindValueByNumber(Convert.ToInt32(choice, CultureInfo.InvariantCulture))?.Name.Split('_')[^1] ?? choice.ToString();

    private static string ToBase32(ReadOnlySpan<byte> bytes)
    {
        var text = new System.Text.StringBuilder();
        var (bits, count) = (0, 0);
        foreach (var value in bytes)
        {
            bits = (bits << 8) | value;
            for (count += 8; count >= 5; count -= 5)
            {
                text.Append(Base32[(bits >> (count - 5)) & 31]);
            }

            bits &= (1 << count) - 1;
        }

        return count == 0 ? text.ToString() : text.Append(Base32[(bits << (5 - count)) & 31]).ToString();
    }

    private static ByteString FromBase32(ItemField field, string text)
    {
        var bytes = new List<byte>();
        var (bits, count) = (0, 0);
        foreach (var letter in text.ToUpperInvariant().Where(letter => letter is not (' ' or '-' or '=')))
        {
            var value = Base32.IndexOf(letter, StringComparison.Ordinal);
            if (value < 0)
            {
                throw Wrong(field, "base32: letters and the digits 2 to 7");
            }

            bits = (bits << 5) | value;
            count += 5;
            if (count >= 8)
            {
                count -= 8;
                bytes.Add((byte)(bits >> count));
                bits &= (1 << count) - 1;
            }
        }

        return ByteString.CopyFrom([.. bytes]);
    }
}
