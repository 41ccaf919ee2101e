using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Rpc;

/// <summary>A request with one wrong field.</summary>
internal sealed record BadInput(IMessage Message, string Path, string Reason)
{
    private const int Depth = 6;

    /// <summary>Every wrong variant of a request that is right otherwise.</summary>
    public static IEnumerable<BadInput> Of(MessageDescriptor type)
    {
        // A request is made for each case of each oneof; the others' fields can't be sent with it.
        foreach (var alternative in Alternatives(type))
        {
            foreach (var wrong in Wrong(type, alternative, "", Depth))
            {
                var message = Right(type, alternative, Depth);
                wrong.Apply(message);
                yield return new BadInput(message, wrong.Path, wrong.Reason);
            }
        }

        foreach (var oneof in type.Oneofs.Where(o => o.GetOptions()?.GetExtension(ConstraintsExtensions.OneofRequired) == true))
        {
            var message = Right(type, null, Depth);
            oneof.Fields[0].ContainingOneof.Accessor.Clear(message);
            yield return new BadInput(message, oneof.Name, "REQUIRED");
        }
    }

    /// <summary>The cases of a required oneof, or just the message itself.</summary>
    private static IEnumerable<FieldDescriptor?> Alternatives(MessageDescriptor type) =>
        type.Oneofs.Count == 0 ? [null] : type.Oneofs.Single().Fields;

    private static FieldConstraints Limits(FieldDescriptor field) => field.GetOptions()?.GetExtension(ConstraintsExtensions.Field) ?? new FieldConstraints();

    /// <summary>A message that satisfies its constraints.</summary>
    private static IMessage Right(MessageDescriptor type, FieldDescriptor? alternative, int depth)
    {
        var message = type.Parser.ParseFrom(ByteString.Empty);
        if (message is Timestamp)
        {
            return Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch);
        }

        foreach (var field in type.Fields.InDeclarationOrder())
        {
            if (field.ContainingOneof is { } oneof && field != (alternative ?? oneof.Fields[0]))
            {
                continue;
            }

            if (field.IsRepeated)
            {
                if (Limits(field).Required)
                {
                    ((System.Collections.IList)field.Accessor.GetValue(message)).Add(RightValue(field, depth));
                }
            }
            else if (field.ContainingOneof is not null || Limits(field).Required)
            {
                field.Accessor.SetValue(message, RightValue(field, depth));
            }
        }

        return message;
    }

    private static object RightValue(FieldDescriptor field, int depth)
    {
        var limits = Limits(field);
        return field.FieldType switch
        {
            FieldType.String => limits.Uuid ? Guid.CreateVersion7().ToString("D")
                : limits.Email ? "somebody@example.org"
                : limits.Language ? "en"
                : new string('x', (int)Math.Max(1, limits.MinLength)),
            FieldType.Bytes => ByteString.CopyFrom(limits.P256PublicKey ? PublicKey() : RandomNumberGenerator.GetBytes((int)Math.Max(1, limits.MinLength))),
            FieldType.Enum => 1,
            FieldType.Bool => true,
            FieldType.Int32 => (int)Math.Max(1, limits.Min),
            FieldType.Int64 => Math.Max(1, limits.Min),
            FieldType.UInt32 => (uint)Math.Max(1, limits.Min),
            FieldType.UInt64 => (ulong)Math.Max(1, limits.Min),
            FieldType.Message => Right(field.MessageType, null, depth - 1),
            _ => throw new NotSupportedException($"{field.FullName} has a type that no value is made for."),
        };
    }

    private static byte[] PublicKey()
    {
        using var device = new TestDevice(TimeProvider.System);
        return device.PublicKey;
    }

    private sealed record Change(string Path, string Reason, Action<IMessage> Apply);

    /// <summary>Ways to make one field of a right message wrong.</summary>
    private static IEnumerable<Change> Wrong(MessageDescriptor type, FieldDescriptor? alternative, string path, int depth)
    {
        if (depth == 0)
        {
            yield break;
        }

        if (type.FullName == "google.protobuf.Timestamp")
        {
            yield return new Change(path.TrimEnd('.'), "OUT_OF_RANGE", m => ((Timestamp)m).Seconds = long.MaxValue);
            yield return new Change(path.TrimEnd('.'), "OUT_OF_RANGE", m => ((Timestamp)m).Nanos = -1);
            yield break;
        }

        foreach (var field in type.Fields.InDeclarationOrder().Where(f => f.ContainingOneof is null || f == (alternative ?? f.ContainingOneof.Fields[0])))
        {
            var name = path + field.Name;
            foreach (var change in field.IsRepeated ? WrongList(field, name, depth) : WrongField(field, name, depth))
            {
                yield return change;
            }
        }
    }

    private static IEnumerable<Change> WrongList(FieldDescriptor field, string name, int depth)
    {
        var limits = Limits(field);
        if (limits.Required)
        {
            yield return new Change(name, "REQUIRED", m => List(m).Clear());
        }

        if (limits.MaxItems > 0)
        {
            yield return new Change(name, "TOO_MANY", m =>
            {
                while (List(m).Count <= limits.MaxItems)
                {
                    List(m).Add(RightValue(field, depth));
                }
            });
        }

        if (field.FieldType == FieldType.Message)
        {
            foreach (var inner in Wrong(field.MessageType, null, name + "[0].", depth - 1))
            {
                yield return inner with { Apply = m => inner.Apply((IMessage)List(m)[0]!) };
            }
        }

        System.Collections.IList List(IMessage message) => (System.Collections.IList)field.Accessor.GetValue(message);
    }

    private static IEnumerable<Change> WrongField(FieldDescriptor field, string name, int depth)
    {
        var limits = Limits(field);
        if (limits.Required)
        {
            yield return new Change(name, "REQUIRED", m => SetDefault(field, m));
        }

        foreach (var (reason, value) in WrongValues(field, limits))
        {
            yield return new Change(name, reason, m => field.Accessor.SetValue(m, value));
        }

        if (field.FieldType == FieldType.Message)
        {
            foreach (var inner in Wrong(field.MessageType, null, name + ".", depth - 1))
            {
                yield return inner with { Apply = m => inner.Apply((IMessage)(field.Accessor.GetValue(m) ?? throw new InvalidOperationException(name))) };
            }
        }
    }

    /// <summary>Empty is how a missing value of a scalar looks; a oneof keeps its case.</summary>
    private static void SetDefault(FieldDescriptor field, IMessage message)
    {
        if (field.ContainingOneof is not null)
        {
            field.Accessor.SetValue(message, field.FieldType == FieldType.String ? "" : ByteString.Empty);
        }
        else
        {
            field.Accessor.Clear(message);
        }
    }

    private static IEnumerable<(string Reason, object Value)> WrongValues(FieldDescriptor field, FieldConstraints limits)
    {
        switch (field.FieldType)
        {
            case FieldType.String:
                foreach (var wrong in WrongStrings(limits))
                {
                    yield return wrong;
                }

                break;
            case FieldType.Bytes:
                if (limits.MinLength > 1)
                {
                    yield return ("TOO_SHORT", ByteString.CopyFrom(new byte[limits.MinLength - 1]));
                }

                if (limits.MaxLength > 0)
                {
                    yield return ("TOO_LONG", ByteString.CopyFrom(new byte[limits.MaxLength + 1]));
                }

                if (limits.P256PublicKey)
                {
                    yield return ("MALFORMED", ByteString.CopyFrom(new byte[65]));
                }

                break;
            case FieldType.Enum:
                yield return ("UNKNOWN_VALUE", 9999);
                yield return ("UNKNOWN_VALUE", -1);
                break;
            case FieldType.Int32 when limits.Max > 0:
                yield return ("OUT_OF_RANGE", (int)limits.Max + 1);
                yield return ("OUT_OF_RANGE", (int)limits.Min - 1);
                yield return ("OUT_OF_RANGE", int.MaxValue);
                yield return ("OUT_OF_RANGE", int.MinValue);
                break;
            case FieldType.UInt64 when limits.Max > 0:
                yield return ("OUT_OF_RANGE", (ulong)limits.Max + 1);
                yield return ("OUT_OF_RANGE", ulong.MaxValue);
                break;
        }
    }

    private static IEnumerable<(string Reason, object Value)> WrongStrings(FieldConstraints limits)
    {
        if (limits.MaxLength > 0)
        {
            yield return ("TOO_LONG", new string('x', (int)limits.MaxLength + 1));
            yield return ("TOO_LONG", string.Concat(Enumerable.Repeat("😀", (int)limits.MaxLength + 1)));
        }

        if (limits.MinLength > 1)
        {
            yield return ("TOO_SHORT", new string('x', (int)limits.MinLength - 1));
        }

        if (!limits.AnyCharacter)
        {
            foreach (var control in "\0\n\r\t\u007f\u0085\u2028")
            {
                yield return ("CONTROL_CHARACTER", control + new string('x', (int)Math.Max(1, limits.MinLength) - 1));
            }
        }

        if (limits.Uuid)
        {
            yield return ("MALFORMED", Guid.CreateVersion7().ToString("D").ToUpperInvariant().Replace('0', 'A'));
            yield return ("MALFORMED", Guid.CreateVersion7().ToString("N"));
            yield return ("MALFORMED", "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz");
        }

        if (limits.Email)
        {
            yield return ("MALFORMED", "nobody");
            yield return ("MALFORMED", "two@at@example.org");
            yield return ("MALFORMED", new string('x', (int)limits.MaxLength));
        }

        if (limits.Language)
        {
            yield return ("MALFORMED", "not_a_language");
        }
    }
}
