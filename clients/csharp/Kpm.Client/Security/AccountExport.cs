using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.V1;

namespace Kpm.Client.Security;

/// <summary>
/// The file format of an export: JSON Lines, each line one ExportAccountDataResponse in the JSON mapping of Protocol
/// Buffers with the contract's field names. Reading takes what verification needs, strictly: what could be read in two
/// ways is refused.
/// </summary>
public static class AccountExport
{
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    // The formatter writes no, three, six or nine digits; the chain covers whole milliseconds and nothing finer.
    private static readonly string[] TimeFormats = ["yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:ss.fff'Z'"];

    /// <summary>A part as a line, without its end.</summary>
    /// <param name="part">The part.</param>
    /// <returns>JSON.</returns>
    public static string ToLine(ExportAccountDataResponse part) => Formatter.Format(part);

    /// <summary>The account, an event or the end of a line; of other parts only that they are there.</summary>
    /// <param name="line">The line.</param>
    /// <returns>The part; its case is None for a record that the chain does not cover.</returns>
    /// <exception cref="FormatException">It is no part of an export.</exception>
    public static ExportAccountDataResponse FromLine(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line, Strict);
            var members = json.RootElement.EnumerateObject().ToList();
            if (members.Count != 1 || members[0].Value.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException("The line is no part of an export.");
            }

            var value = members[0].Value;
            return members[0].Name switch
            {
                "account" => new ExportAccountDataResponse { Account = new Account { AccountId = Text(value, "account_id"), Email = Text(value, "email") } },
                "event" => new ExportAccountDataResponse { Event = Event(value) },
                "end" => new ExportAccountDataResponse { End = new ExportEnd { EventCount = Number(value, "event_count"), HeadHash = Bytes(value, "head_hash") } },
                _ => new ExportAccountDataResponse(),
            };
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException or OverflowException)
        {
            throw new FormatException("The line is no part of an export.", wrong);
        }
    }

    private static SecurityEvent Event(JsonElement value) => new()
    {
        Seq = Number(value, "seq"),
        Time = Time(value),
        Kind = (SecurityEventKind)Enumeration(value, "kind", nameof(SecurityEventKind)),
        Actor = (Actor)Enumeration(value, "actor", nameof(Actor)),
        DeviceId = Text(value, "device_id"),
        Detail = Text(value, "detail"),
        Hash = Bytes(value, "hash"),
    };

    private static string Text(JsonElement value, string name) => value.TryGetProperty(name, out var member) ? member.GetString() ?? "" : "";

    private static ulong Number(JsonElement value, string name) =>
        Text(value, name) is { Length: > 0 } text ? ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : 0;

    private static ByteString Bytes(JsonElement value, string name) => ByteString.FromBase64(Text(value, name));

    private static Timestamp Time(JsonElement value) => Timestamp.FromDateTimeOffset(DateTimeOffset.ParseExact(
        Text(value, "time"), TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal));

    /// <summary>A value of an enum by its name, or by its number where it is newer than this program.</summary>
    private static int Enumeration(JsonElement value, string member, string type)
    {
        if (!value.TryGetProperty(member, out var found))
        {
            return 0;
        }

        if (found.ValueKind == JsonValueKind.Number)
        {
            return found.GetInt32();
        }

        var descriptor = SecurityReflection.Descriptor.FindTypeByName<Google.Protobuf.Reflection.EnumDescriptor>(type);
        return descriptor.FindValueByName(found.GetString() ?? "")?.Number ?? throw new FormatException($"There is no {member} of this name.");
    }
}
