using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Kpm.Server.Tests.BadInput;

namespace Kpm.Server.Tests.Fuzz;

/// <summary>Turns valid requests into others, some of which are still valid; the same seed gives the same ones.</summary>
internal sealed class Mutator(Random random)
{
    private static readonly string[] Texts =
    [
        "", "\0", "a", "\u202E\u200B", "\U0001F511", "e\u0301", "\uFFFD", "İıſK", "' OR ''='", "%s%n%x", "../..", "{0}", "${jndi:ldap://127.0.0.1/a}", "null", "NaN",
        "0192f1c4-6b7a-7c3d-8e9f-0a1b2c3d4e5f", "00000000-0000-0000-0000-000000000000", "a@example.com", "de-DE", "DE", "zz", "-1", "\r\nx: y", "\uFEFFa",
    ];

    private static readonly ulong[] Numbers =
        [0, 1, 2, 63, 64, 65, 127, 128, 255, 256, 65_535, int.MaxValue, uint.MaxValue, (ulong)uint.MaxValue + 1, long.MaxValue - 1, long.MaxValue, (ulong)long.MaxValue + 1, ulong.MaxValue - 1, ulong.MaxValue];

    public byte[] Next(IMessage valid)
    {
        switch (random.Next(10))
        {
            case 0:
                return Noise(random.Next(300));
            case < 5:
                var message = FieldCases.Clone(valid);
                for (var i = random.Next(1, 4); i > 0; i--)
                {
                    ChangeSomeField(message);
                }

                return message.ToByteArray();
            default:
                var bytes = valid.ToByteArray();
                for (var i = random.Next(1, 4); i > 0; i--)
                {
                    bytes = ChangeSomeBytes(bytes);
                }

                return bytes;
        }
    }

    private byte[] Noise(int length)
    {
        var noise = new byte[length];
        random.NextBytes(noise);
        return noise;
    }

    private byte[] ChangeSomeBytes(byte[] bytes)
    {
        var from = random.Next(bytes.Length + 1);
        var to = Math.Min(bytes.Length, from + random.Next(1, 20));
        switch (random.Next(6))
        {
            case 0 when bytes.Length > 0:
                byte[] flipped = [.. bytes];
                flipped[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                return flipped;
            case 1:
                return [.. bytes[..from], .. bytes[to..]];
            case 2:
                return [.. bytes[..from], .. Noise(random.Next(1, 20)), .. bytes[from..]];
            case 3:
                return [.. bytes[..to], .. bytes[from..]];
            case 4:
                return bytes[..from];
            default:
                return [.. bytes, .. bytes];
        }
    }

    private void ChangeSomeField(IMessage message)
    {
        while (true)
        {
            var fields = message.Descriptor.Fields.InDeclarationOrder();
            if (fields.Count == 0)
            {
                return;
            }

            var field = fields[random.Next(fields.Count)];
            if (field.IsRepeated)
            {
                var list = (IList)field.Accessor.GetValue(message);
                if (list.Count > 0 && field.FieldType == FieldType.Message && random.Next(4) > 0)
                {
                    message = (IMessage)list[random.Next(list.Count)]!;
                    continue;
                }

                ChangeList(list, field);
                return;
            }

            if (field.FieldType == FieldType.Message && field.Accessor.GetValue(message) is IMessage inner && random.Next(4) > 0)
            {
                message = inner;
                continue;
            }

            if (random.Next(8) == 0)
            {
                field.Accessor.Clear(message);
            }
            else
            {
                field.Accessor.SetValue(message, Value(field));
            }

            return;
        }
    }

    private void ChangeList(IList list, FieldDescriptor field)
    {
        switch (random.Next(4))
        {
            case 0:
                list.Clear();
                break;
            case 1 when list.Count > 0:
                list.RemoveAt(random.Next(list.Count));
                break;
            case 2 when list.Count > 0:
                var element = list[random.Next(list.Count)];
                for (var i = random.Next(1, 100); i > 0; i--)
                {
                    list.Add(element);
                }

                break;
            default:
                list.Insert(random.Next(list.Count + 1), Value(field));
                break;
        }
    }

    private object Value(FieldDescriptor field)
    {
        var number = random.Next(3) == 0 ? (ulong)random.NextInt64() : Numbers[random.Next(Numbers.Length)];
        return field.FieldType switch
        {
            FieldType.String => string.Concat(Enumerable.Repeat(Texts[random.Next(Texts.Length)], random.Next(8) == 0 ? random.Next(2_000) : random.Next(1, 3))),
            FieldType.Bytes => ByteString.CopyFrom(Noise(random.Next(8) == 0 ? random.Next(300_000) : random.Next(100))),
            FieldType.Message => field.MessageType.Parser.ParseFrom(ByteString.Empty),
            FieldType.Enum => Enum.ToObject(field.EnumType.ClrType, unchecked((int)number)),
            FieldType.Bool => random.Next(2) == 0,
            FieldType.Int32 => unchecked((int)number),
            FieldType.Int64 => unchecked((long)number),
            FieldType.UInt32 => unchecked((uint)number),
            FieldType.UInt64 => number,
            _ => throw new NotSupportedException($"no values for {field.FieldType}"),
        };
    }
}
