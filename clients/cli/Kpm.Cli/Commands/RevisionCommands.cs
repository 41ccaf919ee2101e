using System.CommandLine;
using System.Text.Json.Nodes;
using Kpm.Client;
using Kpm.Client.Schema;

namespace Kpm.Cli;

/// <summary>What items were before, and the trash.</summary>
internal static class RevisionCommands
{
    private static readonly Argument<string> Which = new("item") { Description = "The item's name, its id, or how the id begins" };
    private static readonly Option<ulong?> Rev = new("--rev") { Description = "The revision, as kpm history numbers them; for a deleted item the newest is preset" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var history = kpm.Command("history", "Lists the revisions of an item, newest first. Standard input: main password.", HistoryAsync);
        history.Add(Which);
        yield return history;
        var restore = kpm.Command("restore", "Brings back a deleted item, or an earlier revision of an item. Standard input: main password.", RestoreAsync);
        restore.Add(Which);
        restore.Add(Rev);
        yield return restore;
        yield return kpm.Command("trash", "Lists deleted items that can be brought back. Standard input: main password.", TrashAsync);
    }

    private static async Task<int> HistoryAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await vault.SyncAsync(happened => SyncCommands.Note(run.Terminal, vault, happened), cancellationToken);
        var id = FindAny(vault, run.Value(Which), await vault.Revisions.ListTrashAsync(cancellationToken)).Id;
        var revisions = await vault.Revisions.ListAsync(id, cancellationToken);
        run.Terminal.AnswerTable(
            ["Revision", "Written", "By device", ""],
            revisions.Select(revision => (
                (IReadOnlyList<string>)[$"{revision.Rev}", $"{revision.CommittedAt:u}", $"{revision.Device:D}", revision.IsDeletion ? "deleted" : revision.IsKept ? "" : "no longer kept"],
                (JsonNode)new JsonObject
                {
                    ["rev"] = revision.Rev,
                    ["seq"] = revision.Seq,
                    ["deleted"] = revision.IsDeletion,
                    ["kept"] = revision.IsKept,
                    ["device_id"] = revision.Device.ToString("D"),
                    ["committed_at"] = revision.CommittedAt,
                })),
            "The item has no revisions yet.");
        return ExitCodes.Done;
    }

    private static async Task<int> RestoreAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await vault.SyncAsync(happened => SyncCommands.Note(run.Terminal, vault, happened), cancellationToken);
        var (id, current, trashed) = FindAny(vault, run.Value(Which), await vault.Revisions.ListTrashAsync(cancellationToken));
        var rev = run.Value(Rev) ?? trashed?.RestorableRev ?? throw new UsageException("Say which revision with --rev. See kpm history.");
        var content = await vault.Revisions.GetAsync(id, rev, cancellationToken) ?? throw new NotFoundException($"Revision {rev} is a deletion, or its content is no longer kept. See kpm history.");
        if (current is not null)
        {
            vault.Edit(current, Earlier(current, content));
        }
        else if (!vault.Revisions.Undelete(id, content))
        {
            throw new NotFoundException("The item is not deleted any more. See kpm list.");
        }

        await vault.SyncAsync(happened => SyncCommands.Note(run.Terminal, vault, happened), cancellationToken);
        run.Terminal.Answer($"\"{content.Name}\" is as in revision {rev} again.", new JsonObject { ["id"] = id.ToString("D"), ["name"] = content.Name, ["rev"] = rev });
        return ExitCodes.Done;
    }

    private static async Task<int> TrashAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        await vault.SyncAsync(happened => SyncCommands.Note(run.Terminal, vault, happened), cancellationToken);
        var trash = await vault.Revisions.ListTrashAsync(cancellationToken);
        run.Terminal.AnswerTable(
            ["Item", "Name", "Deleted", "Gone for good"],
            trash.Select(item => (
                (IReadOnlyList<string>)[$"{item.Id:D}", item.Item?.Name ?? "(of a newer kpm)", $"{item.DeletedAt:u}", $"{item.PurgesAt:u}"],
                (JsonNode)new JsonObject
                {
                    ["id"] = item.Id.ToString("D"),
                    ["name"] = item.Item?.Name,
                    ["rev"] = item.RestorableRev,
                    ["deleted_at"] = item.DeletedAt,
                    ["purges_at"] = item.PurgesAt,
                })),
            "The trash is empty.");
        return ExitCodes.Done;
    }

    /// <summary>The earlier content; what the item has collected of replaced and conflicting values since is not thrown away with it.</summary>
    private static Item Earlier(VaultItem current, Item content)
    {
        var edited = content.Clone();
        if (current.Item is { } now)
        {
            edited.History.Clear();
            edited.History.AddRange(now.History);
            edited.KeptValues.Clear();
            edited.KeptValues.AddRange(now.KeptValues);
        }

        return edited;
    }

    /// <summary>An item that is there, or one of the trash.</summary>
    private static (Guid Id, VaultItem? Current, TrashItem? Trashed) FindAny(OpenVault vault, string wanted, IReadOnlyList<TrashItem> trash)
    {
        try
        {
            var found = ItemCommands.FindItem(vault, wanted);
            return (found.Id, found, null);
        }
        catch (NotFoundException) when (Trashed().Count == 1)
        {
            return (Trashed()[0].Id, null, Trashed()[0]);
        }

        List<TrashItem> Trashed() => [.. trash.Where(item => string.Equals(item.Item?.Name, wanted, StringComparison.OrdinalIgnoreCase)
            || (wanted.Length >= ItemCommands.LeastPrefix && item.Id.ToString("D").StartsWith(wanted, StringComparison.OrdinalIgnoreCase)))];
    }
}
