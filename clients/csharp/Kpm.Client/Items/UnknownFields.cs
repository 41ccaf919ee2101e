using Google.Protobuf;

namespace Kpm.Client.Items;

/// <summary>
/// The fields of a message that this program's schema does not know, by number, as they stand on the
/// wire. Google.Protobuf keeps them but does not show them.
/// </summary>
internal static class UnknownFields
{
    /// <summary>Field number to all its occurrences, tags included.</summary>
    public static SortedDictionary<int, byte[]> Of(IMessage message)
    {
        var stripped = message.Descriptor.Parser.ParseFrom(message.ToByteString());
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            field.Accessor.Clear(stripped);
        }

        var bytes = stripped.ToByteArray();
        var fields = new SortedDictionary<int, byte[]>();
        var input = new CodedInputStream(bytes);
        var start = 0;
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            input.SkipLastField();
            var end = (int)input.Position;
            var number = WireFormat.GetTagFieldNumber(tag);
            var before = fields.GetValueOrDefault(number, []);
            fields[number] = [.. before, .. bytes.AsSpan(start, end - start)];
            start = end;
        }

        return fields;
    }

    /// <summary>The message with these unknown fields in place of its own.</summary>
    public static IMessage Replace(IMessage message, IEnumerable<byte[]> fields)
    {
        var known = message.Descriptor.Parser.WithDiscardUnknownFields(discardUnknownFields: true).ParseFrom(message.ToByteString());
        known.MergeFrom([.. fields.SelectMany(field => field)]);
        return known;
    }
}
