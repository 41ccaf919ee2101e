using System.CommandLine;
using System.Text.Json.Nodes;
using Kpm.Client;
using Kpm.Client.Accounts;
using Kpm.Client.Items;
using Kpm.Client.Schema;

namespace Kpm.Cli;

/// <summary>Items: what stands in the vault.</summary>
internal static class ItemCommands
{
    public const int LeastPrefix = 4;

    private static readonly Argument<string> ItemName = new("name") { Description = "What the item is called" };
    private static readonly Argument<string> Which = new("item") { Description = "The item's name, its id, or how the id begins" };
    private static readonly Option<string?> Notes = new("--notes") { Description = "Free text" };
    private static readonly Option<string?> FolderName = new("--folder") { Description = "The folder's name; made if there is none. Empty for the top." };
    private static readonly Option<bool?> Favourite = new("--favourite") { Description = "List it first" };
    private static readonly Option<string[]> Fields = new("--field") { Description = "A field of your own, NAME=VALUE; may be repeated" };
    private static readonly Option<string[]> SecretFields = new("--secret-field") { Description = "A field of your own whose value is asked for; may be repeated" };
    private static readonly Option<string[]> Urls = new("--url") { Description = "An address of the website; may be repeated" };
    private static readonly Option<int?> Generate = new("--generate") { Description = $"Make the password, of so many characters ({PasswordGenerator.DefaultLength})", Arity = ArgumentArity.ZeroOrOne, CustomParser = ParseLength };
    private static readonly Option<bool> Reveal = new("--reveal") { Description = "Show secrets, history and kept values" };
    private static readonly Option<string?> NewName = new("--name") { Description = "Another name" };
    private static readonly Option<string[]> Set = new("--set") { Description = "A field of its kind that is no secret, FIELD=VALUE; empty clears it" };
    private static readonly Option<string[]> Ask = new("--ask") { Description = "Ask for a new value of this secret field; empty clears it" };
    private static readonly Option<bool> DiscardKept = new("--discard-kept") { Description = "Forget the values that lost a conflict" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var add = new Command("add", "Adds an item. Standard input: main password, then the item's secrets in the order of its fields.");
        foreach (var kind in ItemKinds.All)
        {
            add.Add(AddCommand(kpm, kind));
        }

        yield return add;
        yield return kpm.Command("list", "Lists the items. Standard input: main password.", ListAsync);

        var show = kpm.Command("show", "Shows an item. Standard input: main password.", ShowAsync);
        show.Add(Which);
        show.Add(Reveal);
        yield return show;

        var edit = kpm.Command("edit", "Changes an item. Standard input: main password, then what --ask and --secret-field name, in their order.", EditAsync);
        edit.Add(Which);
        foreach (var option in new Option[] { NewName, Notes, FolderName, Favourite, Set, Ask, Generate, Urls, Fields, SecretFields, DiscardKept })
        {
            edit.Add(option);
        }

        yield return edit;

        var remove = kpm.Command("remove", "Deletes an item. Standard input: main password.", RemoveAsync);
        remove.Add(Which);
        yield return remove;
    }

    private static Command AddCommand(KpmCommand kpm, ItemKind kind)
    {
        var options = kind.Fields.Where(field => !field.Secret).ToDictionary(field => field, field => new Option<string?>("--" + OptionName(field)) { Description = $"The {field.Label}" });
        var secrets = string.Join(", ", kind.Fields.Where(field => field.Secret).Select(field => field.Label).Prepend("main password"));
        var command = kpm.Command(kind.Name, $"Adds a {kind.Title}. Standard input: {secrets}.", (run, cancellationToken) => AddAsync(run, kind, options, cancellationToken));
        command.Add(ItemName);
        foreach (var option in options.Values)
        {
            command.Add(option);
        }

        if (kind.Case == Item.KindOneofCase.WebsiteLogin)
        {
            command.Add(Urls);
        }

        if (HasPassword(kind))
        {
            command.Add(Generate);
        }

        foreach (var option in new Option[] { Notes, FolderName, Favourite, Fields, SecretFields })
        {
            command.Add(option);
        }

        return command;
    }

    private static async Task<int> AddAsync(Invocation run, ItemKind kind, Dictionary<ItemField, Option<string?>> options, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        var item = new Item { Name = run.Value(ItemName) };
        var body = ItemKinds.Body(item, kind);
        foreach (var (field, option) in options)
        {
            FieldValues.Parse(field, body, run.Value(option) ?? "");
        }

        var generated = HasPassword(kind) ? run.Value(Generate) : null;
        foreach (var field in kind.Fields.Where(field => field.Secret))
        {
            var value = generated is { } length && field.Descriptor.Name == "password"
                ? PasswordGenerator.Make(length)
                : run.Terminal.Secret(Capital(field.Label), optional: true);
            FieldValues.Parse(field, body, value);
        }

        if (body is WebsiteLogin login)
        {
            AddUrls(run, login);
        }

        ApplyCommon(run, vault, item);
        var id = vault.Add(item);
        var sent = await SendAsync(run, vault, cancellationToken);
        run.Terminal.Answer(
            $"Added \"{item.Name}\" ({id:D})." + (sent ? "" : " It is saved on this device and will be sent when the server can be reached."),
            new JsonObject { ["id"] = id.ToString("D"), ["name"] = item.Name, ["sent"] = sent });
        return ExitCodes.Done;
    }

    private static async Task<int> ListAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await SendAsync(run, vault, cancellationToken);
        var items = vault.List();
        var folders = items.Where(item => item.Item?.KindCase == Item.KindOneofCase.Folder).ToDictionary(item => item.Id.ToString("D"), item => item.Item!.Name, StringComparer.Ordinal);
        var rows = items
            .OrderByDescending(item => item.Item?.Favourite ?? false)
            .ThenBy(item => item.Item?.Name, StringComparer.CurrentCultureIgnoreCase)
            .ThenBy(item => item.Id)
            .Select(item => ItemView.Row(item, folders));
        run.Terminal.AnswerTable(["Item", "Name", "Kind", "Folder", ""], rows, "The vault is empty. Add something with kpm add.");
        return ExitCodes.Done;
    }

    private static async Task<int> ShowAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await SendAsync(run, vault, cancellationToken);
        var item = FindItem(vault, run.Value(Which));
        var folder = item.Item is { FolderId.Length: > 0 } inFolder && Guid.TryParseExact(inFolder.FolderId, "D", out var id) ? vault.Find(id)?.Item?.Name : null;
        run.Terminal.Answer(ItemView.Text(item, folder, run.Value(Reveal)), ItemView.Json(item, folder, run.Value(Reveal)));
        return ExitCodes.Done;
    }

    private static async Task<int> EditAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await SendAsync(run, vault, cancellationToken);
        var found = FindItem(vault, run.Value(Which));
        var item = found.Item?.Clone() ?? throw new UsageException($"The item can't be read ({found.Unreadable}).");
        Apply(run, vault, item);
        vault.Edit(found, item);
        var sent = await SendAsync(run, vault, cancellationToken);
        run.Terminal.Answer(
            $"Changed \"{item.Name}\"." + (sent ? "" : " The change is saved on this device and will be sent when the server can be reached."),
            new JsonObject { ["id"] = found.Id.ToString("D"), ["name"] = item.Name, ["sent"] = sent });
        return ExitCodes.Done;
    }

    private static async Task<int> RemoveAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await SendAsync(run, vault, cancellationToken);
        var item = FindItem(vault, run.Value(Which));
        vault.Remove(item.Id);
        var sent = await SendAsync(run, vault, cancellationToken);
        run.Terminal.Answer(
            $"Deleted \"{item.Item?.Name ?? item.Id.ToString("D")}\"." + (sent ? "" : " The server will be told when it can be reached."),
            new JsonObject { ["id"] = item.Id.ToString("D"), ["sent"] = sent });
        return ExitCodes.Done;
    }

    /// <summary>Exchanges with the server where it can be reached. What is queued is safe either way.</summary>
    public static async Task<bool> SendAsync(Invocation run, OpenVault vault, CancellationToken cancellationToken)
    {
        try
        {
            await vault.SyncAsync(happened => SyncCommands.Note(run.Terminal, vault, happened), cancellationToken);
            return true;
        }
        catch (ServerException unreachable) when (unreachable.IsTransient)
        {
            run.Terminal.Note("The server can't be reached: this is what the device has.");
            return false;
        }
        catch (SignedOutException)
        {
            run.Terminal.Note("Not signed in: this is what the device has. Run kpm sign-in to exchange it.");
            return false;
        }
    }

    public static VaultItem FindItem(OpenVault vault, string which)
    {
        var items = vault.List();
        var matches = items.Where(item => item.Id.ToString("D").Equals(which, StringComparison.OrdinalIgnoreCase)).ToList();
        if (matches.Count == 0)
        {
            matches = [.. items.Where(item => string.Equals(item.Item?.Name, which, StringComparison.OrdinalIgnoreCase))];
        }

        if (matches.Count == 0 && which.Length >= LeastPrefix)
        {
            matches = [.. items.Where(item => item.Id.ToString("D").StartsWith(which, StringComparison.OrdinalIgnoreCase))];
        }

        return matches.Count switch
        {
            0 => throw new NotFoundException($"There is no item \"{which}\". See kpm list."),
            1 => matches[0],
            _ => throw new NotFoundException($"There are {matches.Count} items \"{which}\". Name one by its id: {string.Join(", ", matches.Select(item => item.Id.ToString("D")))}."),
        };
    }

    private static void Apply(Invocation run, OpenVault vault, Item item)
    {
        if (run.Value(NewName) is { } name)
        {
            item.Name = name;
        }

        if (ItemKinds.Of(item) is { } kind)
        {
            ApplyKind(run, item, kind);
        }

        ApplyCommon(run, vault, item);
        if (run.Value(DiscardKept))
        {
            item.KeptValues.Clear();
        }
    }

    private static void ApplyKind(Invocation run, Item item, ItemKind kind)
    {
        var body = ItemKinds.Body(item, kind);
        ItemField Field(string name, bool secret) => kind.Fields.FirstOrDefault(field => OptionName(field) == name && field.Secret == secret)
            ?? throw new UsageException($"A {kind.Title} has no {(secret ? "secret " : "")}field {name}. It has: {string.Join(", ", kind.Fields.Where(field => field.Secret == secret).Select(OptionName))}.");

        foreach (var (name, value) in Pairs(run.Value(Set)))
        {
            FieldValues.Parse(Field(name, secret: false), body, value);
        }

        foreach (var name in run.Value(Ask) ?? [])
        {
            FieldValues.Parse(Field(name, secret: true), body, run.Terminal.Secret(Capital(name), optional: true));
        }

        if (run.Value(Generate) is { } length)
        {
            FieldValues.Parse(Field("password", secret: true), body, PasswordGenerator.Make(length));
        }

        if (body is WebsiteLogin login)
        {
            AddUrls(run, login);
        }
    }

    private static void ApplyCommon(Invocation run, OpenVault vault, Item item)
    {
        item.Notes = run.Value(Notes) ?? item.Notes;
        item.Favourite = run.Value(Favourite) ?? item.Favourite;
        if (run.Value(FolderName) is { } folder)
        {
            item.FolderId = folder.Length == 0 ? "" : FolderId(vault, folder);
        }

        foreach (var (name, value) in Pairs(run.Value(Fields)))
        {
            SetCustom(run, item, name, value, CustomFieldType.Text);
        }

        foreach (var name in run.Value(SecretFields) ?? [])
        {
            SetCustom(run, item, name, run.Terminal.Secret(name, optional: true), CustomFieldType.Hidden);
        }
    }

    private static void SetCustom(Invocation run, Item item, string name, string value, CustomFieldType type)
    {
        if (item.CustomFields.FirstOrDefault(field => field.Name == name) is { } known)
        {
            known.Value = value;
            return;
        }

        item.CustomFields.Add(new CustomField { Id = run.NewId(), Name = name, Value = value, Type = type });
    }

    private static void AddUrls(Invocation run, WebsiteLogin login)
    {
        foreach (var url in (run.Value(Urls) ?? []).Where(url => login.Addresses.All(known => known.Url != url)))
        {
            login.Addresses.Add(new WebAddress { Id = run.NewId(), Url = url });
        }
    }

    private static string FolderId(OpenVault vault, string name)
    {
        var known = vault.List().FirstOrDefault(item => item.Item?.KindCase == Item.KindOneofCase.Folder && string.Equals(item.Item.Name, name, StringComparison.OrdinalIgnoreCase));
        return (known?.Id ?? vault.Add(new Item { Name = name, Folder = new Folder() })).ToString("D");
    }

    private static IEnumerable<(string Name, string Value)> Pairs(string[]? options)
    {
        foreach (var option in options ?? [])
        {
            var equals = option.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
            {
                throw new UsageException($"\"{option}\" must be NAME=VALUE.");
            }

            yield return (option[..equals], option[(equals + 1)..]);
        }
    }

    private static int? ParseLength(System.CommandLine.Parsing.ArgumentResult result)
    {
        if (result.Tokens.Count == 0)
        {
            return PasswordGenerator.DefaultLength;
        }

        if (int.TryParse(result.Tokens[0].Value, out var length) && length is >= PasswordGenerator.LeastLength and <= PasswordGenerator.MostLength)
        {
            return length;
        }

        result.AddError($"--generate takes {PasswordGenerator.LeastLength} to {PasswordGenerator.MostLength} characters.");
        return null;
    }

    private static bool HasPassword(ItemKind kind) => kind.Fields.Any(field => field.Descriptor.Name == "password");

    private static string OptionName(ItemField field) => field.Label.Replace(' ', '-');

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
