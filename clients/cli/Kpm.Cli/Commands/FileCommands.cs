using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Kpm.Client;
using Kpm.Client.Schema;

namespace Kpm.Cli;

/// <summary>Files of documents.</summary>
internal static class FileCommands
{
    private static readonly Argument<string> Which = new("item") { Description = "The document's name, its id, or how the id begins" };
    private static readonly Argument<FileInfo> Source = new("file") { Description = "The file to attach; at most 50 MiB" };
    private static readonly Argument<string> Attached = new("attachment") { Description = "The file's name, its id, or how the id begins" };
    private static readonly Option<string?> Type = new("--type") { Description = "The media type (by the file's name)" };
    private static readonly Option<FileInfo?> Output = new("--output", "-o") { Description = "The file to write; must not be there (the attachment's own name, in this folder)" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var attach = kpm.Command("attach", "Encrypts a file and attaches it to a document. Standard input: main password.", AttachAsync);
        attach.Add(Which);
        attach.Add(Source);
        attach.Add(Type);
        yield return attach;
        var detach = kpm.Command("detach", "Takes a file from its document. Standard input: main password.", DetachAsync);
        detach.Add(Attached);
        yield return detach;
        var list = kpm.Command("attachments", "Lists the files of a document. Standard input: main password.", ListAsync);
        list.Add(Which);
        yield return list;
        var save = kpm.Command("save", "Fetches, checks and decrypts an attached file. Standard input: main password.", SaveAsync);
        save.Add(Attached);
        save.Add(Output);
        yield return save;
    }

    private static async Task<int> AttachAsync(Invocation run, CancellationToken cancellationToken)
    {
        var source = run.Value(Source);
        if (!source.Exists)
        {
            throw new NotFoundException($"There is no file {source.FullName}.");
        }

        using var vault = await run.OpenVaultAsync(cancellationToken);
        await ItemCommands.SendAsync(run, vault, cancellationToken);
        var found = ItemCommands.FindItem(vault, run.Value(Which));
        var edited = Document(found);
        Attachment file;
        await using (var content = source.OpenRead())
        {
            file = await vault.Attachments.UploadAsync(found.Id, content, source.Name, run.Value(Type) ?? MediaTypes.Of(source.Name), run.Terminal.Progress("Sent"), cancellationToken);
        }

        edited.Document.Files.Add(file);
        vault.Edit(found, edited);
        await vault.SyncAsync(happened => SyncCommands.Note(run.Terminal, vault, happened), cancellationToken);
        run.Terminal.Answer($"Attached {source.Name} ({Size(file.Length)}) to \"{edited.Name}\".", Json(found, file));
        return ExitCodes.Done;
    }

    private static async Task<int> DetachAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await ItemCommands.SendAsync(run, vault, cancellationToken);
        var (found, file) = Find(vault, run.Value(Attached));
        var edited = Document(found);
        edited.Document.Files.Remove(edited.Document.Files.First(known => known.Id == file.Id));
        vault.Edit(found, edited);
        await ItemCommands.SendAsync(run, vault, cancellationToken);
        run.Terminal.Answer($"Took {file.FileName} from \"{edited.Name}\". Older revisions of the document still have it.", Json(found, file));
        return ExitCodes.Done;
    }

    private static async Task<int> ListAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await ItemCommands.SendAsync(run, vault, cancellationToken);
        var found = ItemCommands.FindItem(vault, run.Value(Which));
        run.Terminal.AnswerTable(
            ["Attachment", "Name", "Type", "Size"],
            Document(found).Document.Files.Select(file => ((IReadOnlyList<string>)[file.Id, file.FileName, file.MediaType, Size(file.Length)], (JsonNode)Json(found, file))),
            "The document has no files. Attach one with kpm attach.");
        return ExitCodes.Done;
    }

    private static async Task<int> SaveAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await ItemCommands.SendAsync(run, vault, cancellationToken);
        var (found, file) = Find(vault, run.Value(Attached));
        var target = run.Value(Output)?.FullName ?? Path.Combine(Environment.CurrentDirectory, SafeFileName.Of(file.FileName));
        if (File.Exists(target) || Directory.Exists(target))
        {
            throw new UsageException($"{target} is there already. Name another file with --output.");
        }

        try
        {
            await vault.Attachments.SaveAsync(found.Id, file, target, run.Terminal.Progress("Fetched"), cancellationToken);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{target} can't be written ({failed.Message}).");
        }

        var answer = Json(found, file);
        answer["path"] = target;
        run.Terminal.Answer($"Saved {target} ({Size(file.Length)}).", answer);
        return ExitCodes.Done;
    }

    /// <summary>A copy to edit; only documents hold files.</summary>
    private static Item Document(VaultItem found) => found.Item switch
    {
        null => throw new UsageException($"The item can't be read ({found.Unreadable})."),
        { Document: null } => throw new UsageException("Only documents hold files. Make one with kpm add document."),
        var item => item.Clone(),
    };

    private static (VaultItem Item, Attachment File) Find(OpenVault vault, string wanted)
    {
        var all = vault.List().SelectMany(item => (item.Item?.Document?.Files ?? []).Select(file => (Item: item, File: file))).ToList();
        var matches = all.FindAll(one => one.File.Id.StartsWith(wanted, StringComparison.OrdinalIgnoreCase) && wanted.Length >= ItemCommands.LeastPrefix);
        if (matches.Count == 0)
        {
            matches = all.FindAll(one => string.Equals(one.File.FileName, wanted, StringComparison.OrdinalIgnoreCase));
        }

        return matches.Count switch
        {
            0 => throw new NotFoundException($"There is no attachment \"{wanted}\". See kpm attachments."),
            1 => matches[0],
            _ => throw new NotFoundException($"{matches.Count} attachments match \"{wanted}\". Name one by its id: {string.Join(", ", matches.Select(one => one.File.Id))}."),
        };
    }

    public static string Size(ulong bytes) => bytes switch
    {
        < 1024 => $"{bytes} B",
        < 1024 * 1024 => (bytes / 1024.0).ToString("0.#", CultureInfo.InvariantCulture) + " KiB",
        _ => (bytes / (1024.0 * 1024)).ToString("0.#", CultureInfo.InvariantCulture) + " MiB",
    };

    private static JsonObject Json(VaultItem item, Attachment file) => new()
    {
        ["id"] = file.Id,
        ["item"] = item.Id.ToString("D"),
        ["name"] = file.FileName,
        ["type"] = file.MediaType,
        ["length"] = file.Length,
    };
}
