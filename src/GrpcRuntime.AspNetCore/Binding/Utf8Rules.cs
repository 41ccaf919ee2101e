using System.Buffers;
using System.Collections.Concurrent;
using System.Reflection;
using System.Text;
using System.Text.Unicode;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace Grpc.AspNetCore.Server.Binding;

/// <summary>
/// Where the strings of a message are. A string that is no valid UTF-8 makes the bytes no valid protobuf, but
/// Google.Protobuf before 3.26 reads it with replacement characters; this looks at the bytes themselves.
/// </summary>
internal sealed class Utf8Rules
{
    private static readonly ConcurrentDictionary<MessageDescriptor, Utf8Rules> Cache = new();

    // String fields have no rules of their own; fields without strings below them are absent.
    private readonly Dictionary<int, Utf8Rules?> _fields = [];

    private Utf8Rules()
    {
    }

    /// <summary>A deserialiser that also refuses strings that are no UTF-8; the same one for messages without strings.</summary>
    public static Func<DeserializationContext, T> Enforce<T>(Func<DeserializationContext, T> deserializer)
        where T : class
    {
        if (!typeof(IMessage).IsAssignableFrom(typeof(T))
            || typeof(T).GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)?.GetValue(null) is not MessageDescriptor descriptor
            || !HasStrings(descriptor, []))
        {
            return deserializer;
        }

        var rules = For(descriptor);
        return context =>
        {
            // First the parser: what it lets through is well formed, and nested no deeper than it allows.
            var message = deserializer(context);
            return rules.Accepts(context.PayloadAsReadOnlySequence())
                ? message
                : throw new InvalidDataException("A string of the message is no valid UTF-8.");
        };
    }

    private static Utf8Rules For(MessageDescriptor descriptor)
    {
        if (Cache.TryGetValue(descriptor, out var known))
        {
            return known;
        }

        var made = new Dictionary<MessageDescriptor, Utf8Rules>();
        var rules = Make(descriptor, made);
        foreach (var (type, each) in made)
        {
            Cache.TryAdd(type, each);
        }

        return rules;
    }

    private static Utf8Rules Make(MessageDescriptor descriptor, Dictionary<MessageDescriptor, Utf8Rules> made)
    {
        if (made.TryGetValue(descriptor, out var rules))
        {
            return rules;
        }

        // Before its fields: a type may contain itself.
        made[descriptor] = rules = new Utf8Rules();
        foreach (var field in descriptor.Fields.InFieldNumberOrder())
        {
            if (field.FieldType == FieldType.String)
            {
                rules._fields[field.FieldNumber] = null;
            }
            else if (field.FieldType == FieldType.Message && HasStrings(field.MessageType, []))
            {
                rules._fields[field.FieldNumber] = Make(field.MessageType, made);
            }
        }

        return rules;
    }

    private static bool HasStrings(MessageDescriptor descriptor, HashSet<MessageDescriptor> seen) =>
        seen.Add(descriptor) && descriptor.Fields.InFieldNumberOrder().Any(field =>
            field.FieldType == FieldType.String || (field.FieldType == FieldType.Message && HasStrings(field.MessageType, seen)));

    private bool Accepts(in ReadOnlySequence<byte> payload)
    {
        if (payload.IsSingleSegment)
        {
            return Ascii.IsValid(payload.FirstSpan) || Walk(payload.FirstSpan);
        }

        var length = (int)payload.Length;
        var copy = ArrayPool<byte>.Shared.Rent(length);
        payload.CopyTo(copy);
        var accepted = Ascii.IsValid(copy.AsSpan(0, length)) || Walk(copy.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(copy);
        return accepted;
    }

    private bool Walk(ReadOnlySpan<byte> message)
    {
        while (!message.IsEmpty)
        {
            var tag = ReadVarint(ref message);
            switch (tag & 7)
            {
                case 0:
                    ReadVarint(ref message);
                    break;
                case 1:
                    message = message[8..];
                    break;
                case 2:
                    var length = (int)ReadVarint(ref message);
                    if (_fields.TryGetValue((int)(tag >> 3), out var nested)
                        && !(nested is null ? Utf8.IsValid(message[..length]) : nested.Walk(message[..length])))
                    {
                        return false;
                    }

                    message = message[length..];
                    break;
                case 5:
                    message = message[4..];
                    break;
                default:
                    // The begin or the end of a group, which proto3 does not have: what is inside is unknown and passed over.
                    SkipGroup((uint)tag, ref message);
                    break;
            }
        }

        return true;
    }

    private static void SkipGroup(uint startTag, ref ReadOnlySpan<byte> message)
    {
        if ((startTag & 7) != 3)
        {
            return;
        }

        var open = 1;
        while (open > 0)
        {
            switch (ReadVarint(ref message) & 7)
            {
                case 0:
                    ReadVarint(ref message);
                    break;
                case 1:
                    message = message[8..];
                    break;
                case 2:
                    var length = (int)ReadVarint(ref message);
                    message = message[length..];
                    break;
                case 3:
                    open++;
                    break;
                case 4:
                    open--;
                    break;
                default:
                    message = message[4..];
                    break;
            }
        }
    }

    private static ulong ReadVarint(ref ReadOnlySpan<byte> message)
    {
        var value = 0UL;
        for (var i = 0; ; i++)
        {
            var next = message[i];
            value |= (ulong)(next & 0x7f) << (7 * i);
            if (next < 0x80)
            {
                message = message[(i + 1)..];
                return value;
            }
        }
    }
}
