using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Kpm.Client;
using Kpm.Client.Items;
using Kpm.Client.Schema;

namespace Kpm.Cli;

/// <summary>Items as text and as JSON. Secrets show only where they were asked for.</summary>
internal static class ItemView
{
    private const string Hidden = "********";
    private const int LabelWidth = 18;

    public static (IReadOnlyList<string> Cells, JsonNode Json) Row(VaultItem item, Dictionary<string, string> folders)
    {
        var kind = item.Item is null ? null : ItemKinds.Of(item.Item);
        var folder = folders.GetValueOrDefault(item.Item?.FolderId ?? "", "");
        return (
            [item.Id.ToString("D"), item.Item?.Name ?? $"({item.Unreadable})", kind?.Title ?? "", folder, Marks(item)],
            new JsonObject
            {
                ["id"] = item.Id.ToString("D"),
                ["name"] = item.Item?.Name,
                ["kind"] = kind?.Name,
                ["folder"] = folder,
                ["favourite"] = item.Item?.Favourite ?? false,
                ["pending"] = item.Pending,
                ["refusal"] = item.Refusal,
                ["unreadable"] = item.Unreadable,
            });
    }

    public static string Text(VaultItem item, string? folder, bool reveal)
    {
        if (item.Item is not { } content)
        {
            return $"The item {item.Id:D} can't be read ({item.Unreadable}). Update kpm.";
        }

        var text = new StringBuilder();
        void Line(string label, string value)
        {
            if (value.Length > 0)
            {
                text.Append(label.PadRight(LabelWidth)).AppendLine(value.ReplaceLineEndings(Environment.NewLine + new string(' ', LabelWidth)));
            }
        }

        Line("name", content.Name);
        Line("kind", ItemKinds.Of(content)?.Title ?? "of a newer kpm");
        Line("folder", folder ?? "");
        foreach (var (label, value, secret) in Values(content))
        {
            Line(label, secret && !reveal && value.Length > 0 ? Hidden : value);
        }

        Line("notes", content.Notes);
        foreach (var entry in content.History.Where(_ => reveal))
        {
            var (label, value, _) = Describe(entry.Path, entry.Value);
            Line("old value", $"{label}: {value} (until {DateTimeOffset.FromUnixTimeMilliseconds(entry.ReplacedAtMs):u})");
        }

        foreach (var kept in content.KeptValues)
        {
            var (label, value, secret) = Describe(kept.Path, kept.Value);
            Line("other value", $"{label}: {(secret && !reveal ? Hidden : value)} (of device {kept.DeviceId})");
        }

        Line("state", Marks(item));
        Line("id", item.Id.ToString("D"));
        return text.ToString().TrimEnd();
    }

    public static JsonObject Json(VaultItem item, string? folder, bool reveal)
    {
        var json = Row(item, []).Json.AsObject();
        json["folder"] = folder;
        json["rev"] = item.Rev;
        if (item.Item is not { } content)
        {
            return json;
        }

        var fields = new JsonObject();
        foreach (var (label, value, secret) in Values(content).Where(field => field.Value.Length > 0))
        {
            fields[label] = secret && !reveal ? null : value;
        }

        json["fields"] = fields;
        json["notes"] = content.Notes;
        json["kept_values"] = new JsonArray([.. content.KeptValues.Select(kept =>
        {
            var (label, value, secret) = Describe(kept.Path, kept.Value);
            return (JsonNode)new JsonObject { ["field"] = label, ["value"] = secret && !reveal ? null : value, ["device_id"] = kept.DeviceId };
        })]);
        if (reveal)
        {
            json["history"] = new JsonArray([.. content.History.Select(entry => (JsonNode)new JsonObject
            {
                ["field"] = Describe(entry.Path, entry.Value).Label,
                ["value"] = Describe(entry.Path, entry.Value).Text,
                ["replaced_at"] = DateTimeOffset.FromUnixTimeMilliseconds(entry.ReplacedAtMs),
            })]);
        }

        return json;
    }

    private static IEnumerable<(string Label, string Value, bool Secret)> Values(Item content)
    {
        if (ItemKinds.Of(content) is { } kind)
        {
            var body = ItemKinds.Body(content, kind);
            foreach (var field in kind.Fields)
            {
                yield return (field.Label, FieldValues.Format(field, body), field.Secret);
            }

            foreach (var address in (body as WebsiteLogin)?.Addresses ?? [])
            {
                yield return ("url", address.Url, false);
            }

            foreach (var file in (body as Document)?.Files ?? [])
            {
                yield return ("file", file.FileName, false);
            }
        }

        foreach (var field in content.CustomFields)
        {
            yield return (field.Name, field.Value, field.Type == CustomFieldType.Hidden);
        }
    }

    /// <summary>A value that is kept with its path: which field, its text, and whether it is secret.</summary>
    private static (string Label, string Text, bool Secret) Describe(string path, ByteString value)
    {
        var message = Item.Descriptor;
        FieldDescriptor? field = null;
        foreach (var step in path.Split('.'))
        {
            message = field is null ? message : field.MessageType;
            field = message?.FindFieldByNumber(int.TryParse(step.Split('#')[0], out var number) ? number : 0);
            if (field is null)
            {
                return ("a field of a newer kpm", value.ToBase64(), true);
            }
        }

        try
        {
            var owner = field!.ContainingType.Parser.ParseFrom(value);
            var secret = ItemKinds.All.SelectMany(kind => kind.Fields).Any(known => known.Secret && known.Descriptor == field) || field.ContainingType == CustomField.Descriptor;
            var text = field.FieldType == FieldType.Message
                ? JsonFormatter.Default.Format(owner)
                : FieldValues.Format(new ItemField(field.Name, secret, field), owner);
            return (field.Name.Replace('_', ' '), text, secret || field.FieldType == FieldType.Message);
        }
        catch (InvalidProtocolBufferException)
        {
            return (field!.Name.Replace('_', ' '), value.ToBase64(), true);
        }
    }

    private static string Marks(VaultItem item)
    {
        var marks = new List<string>();
        if (item.Item is { Favourite: true })
        {
            marks.Add("favourite");
        }

        if (item.Pending)
        {
            marks.Add("not sent yet");
        }

        if (item.Refusal is not null)
        {
            marks.Add($"refused by the server: {item.Refusal}");
        }

        if (item.Item is { KeptValues.Count: > 0 } conflicted)
        {
            marks.Add($"{conflicted.KeptValues.Count} other values kept");
        }

        return string.Join(", ", marks);
    }
}
