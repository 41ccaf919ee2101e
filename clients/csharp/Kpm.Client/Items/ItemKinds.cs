using Google.Protobuf;
using Google.Protobuf.Reflection;
using Kpm.Client.Schema;

namespace Kpm.Client.Items;

/// <summary>A field of a kind of item, as a program shows or asks for it.</summary>
/// <param name="Label">Its name in lower case with blanks, such as "security code".</param>
/// <param name="Secret">Hidden until asked for.</param>
/// <param name="Descriptor">The field of the kind's message.</param>
public sealed record ItemField(string Label, bool Secret, FieldDescriptor Descriptor);

/// <summary>A kind of item.</summary>
/// <param name="Name">One word for commands, such as "login".</param>
/// <param name="Title">What people read, such as "website login".</param>
/// <param name="Case">The case of Item.kind.</param>
/// <param name="Fields">Its single-valued fields; addresses and files are lists.</param>
public sealed record ItemKind(string Name, string Title, Item.KindOneofCase Case, IReadOnlyList<ItemField> Fields);

/// <summary>The kinds of items, read from the schema.</summary>
public static class ItemKinds
{
    // The schema's comments say "secret" at each of these.
    private static readonly HashSet<string> Secrets = new(StringComparer.Ordinal)
    {
        "WebsiteLogin.password", "ApplicationLogin.password", "BankCard.number", "BankCard.security_code", "BankCard.pin",
        "Document.number", "OneTimePassword.secret", "Passkey.private_key", "Attachment.key",
    };

    /// <summary>All kinds, in the order of the schema.</summary>
    public static IReadOnlyList<ItemKind> All { get; } =
    [
        Make("login", "website login", Item.KindOneofCase.WebsiteLogin),
        Make("app", "application login", Item.KindOneofCase.ApplicationLogin),
        Make("card", "bank card", Item.KindOneofCase.BankCard),
        Make("document", "document", Item.KindOneofCase.Document),
        Make("address", "address", Item.KindOneofCase.Address),
        Make("note", "note", Item.KindOneofCase.Note),
        Make("otp", "one-time password", Item.KindOneofCase.OneTimePassword),
        Make("passkey", "passkey", Item.KindOneofCase.Passkey),
        Make("folder", "folder", Item.KindOneofCase.Folder),
    ];

    /// <summary>The kind of an item.</summary>
    /// <param name="item">The item.</param>
    /// <returns>Null for a kind that is newer than this program.</returns>
    public static ItemKind? Of(Item item)
    {
        ArgumentNullException.ThrowIfNull(item);
        return All.FirstOrDefault(kind => kind.Case == item.KindCase);
    }

    /// <summary>The message of the item's kind, which holds its fields; added if it is not there.</summary>
    /// <param name="item">The item.</param>
    /// <param name="kind">The kind.</param>
    /// <returns>The message; changes of it change the item.</returns>
    public static IMessage Body(Item item, ItemKind kind)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(kind);
        var field = Item.Descriptor.FindFieldByNumber((int)kind.Case);
        if (item.KindCase != kind.Case)
        {
            field.Accessor.SetValue(item, field.MessageType.Parser.ParseFrom(ByteString.Empty));
        }

        return (IMessage)field.Accessor.GetValue(item);
    }

    internal static bool IsSecret(FieldDescriptor field) => Secrets.Contains($"{field.ContainingType.Name}.{field.Name}");

    private static ItemKind Make(string name, string title, Item.KindOneofCase kindCase)
    {
        var message = Item.Descriptor.FindFieldByNumber((int)kindCase).MessageType;
        var fields = message.Fields.InFieldNumberOrder()
            .Where(field => !field.IsRepeated)
            .Select(field => new ItemField(field.Name.Replace('_', ' '), IsSecret(field), field));
        return new ItemKind(name, title, kindCase, [.. fields]);
    }
}
