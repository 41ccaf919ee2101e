using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Kpm.Server.Tests.Fuzz;

/// <summary>
/// Whether bytes are a message by the protobuf specification: well formed, with strings in UTF-8. The parser of
/// Google.Protobuf before 3.26 reads other strings too, so they are looked at here.
/// </summary>
internal static class StrictProtobuf
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static bool IsMessage(MessageDescriptor type, byte[] bytes)
    {
        try
        {
            type.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }

        return HasStringsInUtf8(type, ByteString.CopyFrom(bytes));
    }

    private static bool HasStringsInUtf8(MessageDescriptor type, ByteString bytes)
    {
        var input = bytes.CreateCodedInput();
        while (input.ReadTag() is var tag and not 0)
        {
            var field = type.FindFieldByNumber(WireFormat.GetTagFieldNumber(tag));
            if (field is null || WireFormat.GetTagWireType(tag) != WireFormat.WireType.LengthDelimited || field.FieldType is not (FieldType.String or FieldType.Message))
            {
                input.SkipLastField();
                continue;
            }

            var value = input.ReadBytes();
            if (field.FieldType == FieldType.Message ? !HasStringsInUtf8(field.MessageType, value) : !IsUtf8(value))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsUtf8(ByteString value)
    {
        try
        {
            Strict.GetCharCount(value.Span);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}
