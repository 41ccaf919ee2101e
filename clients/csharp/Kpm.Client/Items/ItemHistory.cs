using Google.Protobuf;
using Google.Protobuf.Reflection;
using Kpm.Client.Schema;

namespace Kpm.Client.Items;

/// <summary>Keeps secret values that an edit replaces.</summary>
internal static class ItemHistory
{
    /// <summary>The most entries of an item.</summary>
    public const int MaxEntries = 20;

    private const int CustomFieldsNumber = 30;

    /// <summary>Adds to the edited item what it replaced of the item before.</summary>
    public static void Record(Item before, Item edited, TimeProvider time)
    {
        if (ItemKinds.Of(before) is { } kind && edited.KindCase == kind.Case)
        {
            var (old, now) = (ItemKinds.Body(before, kind), ItemKinds.Body(edited, kind));
            foreach (var field in kind.Fields.Where(field => field.Secret))
            {
                Record(edited, old, now, field.Descriptor, $"{(int)kind.Case}.{field.Descriptor.FieldNumber}", time);
            }
        }

        foreach (var old in before.CustomFields.Where(field => field.Type == CustomFieldType.Hidden))
        {
            if (edited.CustomFields.FirstOrDefault(field => field.Id == old.Id) is { } now)
            {
                var value = CustomField.Descriptor.FindFieldByNumber(CustomField.ValueFieldNumber);
                Record(edited, old, now, value, $"{CustomFieldsNumber}#{old.Id}.{CustomField.ValueFieldNumber}", time);
            }
        }

        Bound(edited);
    }

    /// <summary>Newest first, at most 20; the same on every device.</summary>
    public static void Bound(Item item)
    {
        var kept = item.History
            .OrderByDescending(entry => entry.ReplacedAtMs)
            .ThenBy(entry => entry.Id, StringComparer.Ordinal)
            .Take(MaxEntries)
            .ToList();
        item.History.Clear();
        item.History.AddRange(kept);
    }

    private static void Record(Item edited, IMessage old, IMessage now, FieldDescriptor field, string path, TimeProvider time)
    {
        var alone = field.ContainingType.Parser.ParseFrom(ByteString.Empty);
        field.Accessor.SetValue(alone, field.Accessor.GetValue(old));
        var replaced = alone.ToByteString();
        if (replaced.IsEmpty || Equals(field.Accessor.GetValue(old), field.Accessor.GetValue(now)))
        {
            return;
        }

        edited.History.Add(new HistoryEntry
        {
            Id = Guid.CreateVersion7(time.GetUtcNow()).ToString("D"),
            Path = path,
            Value = replaced,
            ReplacedAtMs = time.GetUtcNow().ToUnixTimeMilliseconds(),
        });
    }
}
