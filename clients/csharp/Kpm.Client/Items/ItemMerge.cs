using System.Collections;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Kpm.Client.Schema;

namespace Kpm.Client.Items;

/// <summary>
/// Merges two edits of one item field by field. Mine is committed later, so where both changed a
/// field mine is current and theirs is kept inside the item. Works on the schema's descriptors:
/// a field that is added to the schema merges without a change here.
/// </summary>
internal sealed class ItemMerge
{
    private const string ElementId = "id";
    private readonly List<KeptValue> _kept = [];
    private readonly string _theirDevice;
    private readonly long _now;

    private ItemMerge(Guid theirDevice, DateTimeOffset now)
    {
        _theirDevice = theirDevice.ToString("D");
        _now = now.ToUnixTimeMilliseconds();
    }

    /// <summary>Merges.</summary>
    /// <param name="basedOn">The revision that both sides began with; an empty item for a created one.</param>
    /// <param name="theirs">What is in the log.</param>
    /// <param name="mine">What this device wants to commit on top.</param>
    /// <param name="theirDevice">The author of theirs.</param>
    /// <param name="now">The clock, for display.</param>
    /// <returns>The item to commit, and how many values were newly kept.</returns>
    public static (Item Merged, int NewlyKept) Merge(Item basedOn, Item theirs, Item mine, Guid theirDevice, DateTimeOffset now)
    {
        var merge = new ItemMerge(theirDevice, now);
        var merged = (Item)merge.MergeMessage(basedOn, theirs, mine, "");
        ItemHistory.Bound(merged);
        var known = merged.KeptValues.Select(value => value.Id).ToHashSet(StringComparer.Ordinal);
        var added = merge._kept.Where(value => known.Add(value.Id)).ToList();
        merged.KeptValues.AddRange(added);
        return (merged, added.Count);
    }

    /// <summary>Names a kept value, so that the same value of a field is kept once.</summary>
    internal static string KeptId(string path, ReadOnlySpan<byte> value) =>
        Convert.ToHexStringLower(SHA256.HashData([.. Encoding.UTF8.GetBytes(path), 0, .. value]).AsSpan(0, 16));

    private IMessage MergeMessage(IMessage basedOn, IMessage theirs, IMessage mine, string path)
    {
        var result = theirs.Descriptor.Parser.ParseFrom(theirs.ToByteString());
        foreach (var oneof in theirs.Descriptor.Oneofs)
        {
            MergeOneof(oneof, basedOn, theirs, mine, result, path);
        }

        foreach (var field in theirs.Descriptor.Fields.InFieldNumberOrder().Where(field => field.RealContainingOneof is null))
        {
            var fieldPath = PathOf(path, field);
            if (field.IsRepeated && ElementIdOf(field) is { } id)
            {
                MergeList(field, id, basedOn, theirs, mine, result, fieldPath);
            }
            else
            {
                MergeField(field, basedOn, theirs, mine, result, fieldPath);
            }
        }

        return MergeUnknown(basedOn, theirs, mine, result, path);
    }

    /// <summary>Only one case can be set: where the two sides have different ones, the whole case is one value.</summary>
    private void MergeOneof(OneofDescriptor oneof, IMessage basedOn, IMessage theirs, IMessage mine, IMessage result, string path)
    {
        var their = oneof.Accessor.GetCaseFieldDescriptor(theirs);
        var my = oneof.Accessor.GetCaseFieldDescriptor(mine);
        if (their is not null && their == my)
        {
            MergeField(their, basedOn, theirs, mine, result, PathOf(path, their));
            return;
        }

        var before = oneof.Accessor.GetCaseFieldDescriptor(basedOn);
        var iChanged = my != before || (my is not null && !Same(Value(my, basedOn), Value(my, mine)));
        var theyChanged = their != before || (their is not null && !Same(Value(their, basedOn), Value(their, theirs)));
        if (!iChanged)
        {
            return;
        }

        if (theyChanged && their is not null)
        {
            Keep(their, theirs, PathOf(path, their));
        }

        // An edited case beats its removal.
        if (my is not null)
        {
            my.Accessor.SetValue(result, Value(my, mine));
        }
        else if (!theyChanged)
        {
            oneof.Accessor.Clear(result);
        }
    }

    private void MergeField(FieldDescriptor field, IMessage basedOn, IMessage theirs, IMessage mine, IMessage result, string path)
    {
        var (before, their, my) = (Value(field, basedOn), Value(field, theirs), Value(field, mine));
        if (Same(their, my) || Same(before, my))
        {
            return;
        }

        if (!field.IsRepeated && field.FieldType == FieldType.Message && their is IMessage theirMessage && my is IMessage myMessage)
        {
            var empty = field.MessageType.Parser.ParseFrom(ByteString.Empty);
            field.Accessor.SetValue(result, MergeMessage(before as IMessage ?? empty, theirMessage, myMessage, path));
            return;
        }

        if (!Same(before, their))
        {
            Keep(field, theirs, path);
        }

        Set(field, result, my);
    }

    /// <summary>Elements are matched by id. One side's edit beats the other side's removal.</summary>
    private void MergeList(FieldDescriptor field, FieldDescriptor id, IMessage basedOn, IMessage theirs, IMessage mine, IMessage result, string path)
    {
        var (before, their, my) = (Elements(field, id, basedOn), Elements(field, id, theirs), Elements(field, id, mine));
        var merged = new Dictionary<string, IMessage>(StringComparer.Ordinal);
        foreach (var key in their.Keys.Concat(my.Keys).Distinct(StringComparer.Ordinal))
        {
            var element = MergeElement(field, before.GetValueOrDefault(key), their.GetValueOrDefault(key), my.GetValueOrDefault(key), $"{path}#{key}");
            if (element is not null)
            {
                merged.Add(key, element);
            }
        }

        // Who alone changed the order decides it; new elements follow.
        var theyMoved = !their.Keys.Where(before.ContainsKey).SequenceEqual(before.Keys.Where(their.ContainsKey), StringComparer.Ordinal);
        var order = theyMoved ? their.Keys.Concat(my.Keys) : my.Keys.Concat(their.Keys);
        var list = (IList)field.Accessor.GetValue(result);
        list.Clear();
        foreach (var key in order.Distinct(StringComparer.Ordinal))
        {
            if (merged.TryGetValue(key, out var element))
            {
                list.Add(element);
            }
        }
    }

    private IMessage? MergeElement(FieldDescriptor field, IMessage? before, IMessage? their, IMessage? my, string path)
    {
        if (their is not null && my is not null)
        {
            // What was kept or replaced once is a record: it is removed, never edited.
            if (field.ContainingType == Item.Descriptor && field.FieldNumber is Item.HistoryFieldNumber or Item.KeptValuesFieldNumber)
            {
                return their;
            }

            return MergeMessage(before ?? field.MessageType.Parser.ParseFrom(ByteString.Empty), their, my, path);
        }

        var left = their ?? my;
        return before is null || !before.Equals(left) ? left : null;
    }

    private IMessage MergeUnknown(IMessage basedOn, IMessage theirs, IMessage mine, IMessage result, string path)
    {
        var their = UnknownFields.Of(theirs);
        var my = UnknownFields.Of(mine);
        if (their.Count == 0 && my.Count == 0)
        {
            return result;
        }

        var before = UnknownFields.Of(basedOn);
        var merged = new SortedDictionary<int, byte[]>();
        foreach (var number in their.Keys.Union(my.Keys))
        {
            var (b, t, m) = (before.GetValueOrDefault(number, []), their.GetValueOrDefault(number, []), my.GetValueOrDefault(number, []));
            var iChanged = !m.AsSpan().SequenceEqual(b);
            if (iChanged && !t.AsSpan().SequenceEqual(b) && !t.AsSpan().SequenceEqual(m) && t.Length > 0)
            {
                Keep(PathOf(path, number), t);
            }

            merged[number] = iChanged ? m : t;
        }

        return UnknownFields.Replace(result, merged.Values);
    }

    private void Keep(FieldDescriptor field, IMessage owner, string path)
    {
        if (IsEmpty(Value(field, owner)))
        {
            return;
        }

        var alone = field.ContainingType.Parser.ParseFrom(ByteString.Empty);
        Set(field, alone, Value(field, owner));
        Keep(path, alone.ToByteArray());
    }

    private void Keep(string path, byte[] value) => _kept.Add(new KeptValue
    {
        Id = KeptId(path, value),
        Path = path,
        Value = ByteString.CopyFrom(value),
        DeviceId = _theirDevice,
        KeptAtMs = _now,
    });

    private static Dictionary<string, IMessage> Elements(FieldDescriptor field, FieldDescriptor id, IMessage message)
    {
        var elements = new Dictionary<string, IMessage>(StringComparer.Ordinal);
        foreach (IMessage element in (IList)field.Accessor.GetValue(message))
        {
            // A second element of one id is another client's mistake; it must not be lost for it.
            var key = (string)id.Accessor.GetValue(element);
            while (!elements.TryAdd(key, element))
            {
                key += "'";
            }
        }

        return elements;
    }

    private static FieldDescriptor? ElementIdOf(FieldDescriptor field) =>
        field is { FieldType: FieldType.Message, IsMap: false } && field.MessageType.FindFieldByName(ElementId) is { FieldType: FieldType.String } id ? id : null;

    private static object? Value(FieldDescriptor field, IMessage message) =>
        field.HasPresence && !field.Accessor.HasValue(message) ? null : field.Accessor.GetValue(message);

    private static void Set(FieldDescriptor field, IMessage message, object? value)
    {
        if (value is null)
        {
            field.Accessor.Clear(message);
        }
        else if (field.IsRepeated)
        {
            var list = (IList)field.Accessor.GetValue(message);
            list.Clear();
            foreach (var element in (IEnumerable)value)
            {
                list.Add(element);
            }
        }
        else
        {
            field.Accessor.SetValue(message, value);
        }
    }

    private static bool Same(object? left, object? right) => Equals(left, right);

    private static bool IsEmpty(object? value) => value switch
    {
        null => true,
        string text => text.Length == 0,
        ByteString bytes => bytes.IsEmpty,
        ICollection list => list.Count == 0,
        bool flag => !flag,
        int or long or uint or ulong => Convert.ToDecimal(value, System.Globalization.CultureInfo.InvariantCulture) == 0,
        Enum choice => Convert.ToInt32(choice, System.Globalization.CultureInfo.InvariantCulture) == 0,
        _ => false,
    };

    private static string PathOf(string parent, FieldDescriptor field) => PathOf(parent, field.FieldNumber);

    private static string PathOf(string parent, int number) => parent.Length == 0 ? $"{number}" : $"{parent}.{number}";
}
