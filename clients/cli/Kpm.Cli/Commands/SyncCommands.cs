using System.CommandLine;
using System.Text.Json.Nodes;
using Kpm.Client;
using Kpm.Client.Kpm1;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>Exchange with the server.</summary>
internal static class SyncCommands
{
    public const string NearlyFull = "The vault is more than 90 % full. See kpm usage; take out what is not needed, before the server refuses new items and files.";

    private static readonly Option<bool> AcceptRestore = new("--accept-restore") { Description = "The server was restored from a backup, and that is known: take its vault as it is, and send again what it has lost" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var sync = kpm.Command("sync", "Exchanges all changes with the server. Standard input: main password.", SyncAsync);
        sync.Add(AcceptRestore);
        yield return sync;
        yield return kpm.Command("watch", "Prints changes of other devices as they come, until Ctrl+C. Standard input: main password.", WatchAsync);
        yield return kpm.Command("status", "Shows where this device stands; needs no connection. Standard input: main password.", StatusAsync);
    }

    private static async Task<int> SyncAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        var (changes, returned) = (0, 0);
        void Report(SyncEvent happened)
        {
            changes += happened is SyncEvent.Changed { Own: false } ? 1 : 0;
            returned += happened is SyncEvent.Returned ? 1 : 0;
            Note(run.Terminal, vault, happened);
        }

        if (run.Value(AcceptRestore))
        {
            await vault.AcceptRestoreAsync(Report, cancellationToken);
            run.Terminal.Note($"The restored vault is taken in. Sent again, since the server had lost it: {returned}.");
        }
        else
        {
            await vault.SyncAsync(Report, cancellationToken);
        }

        var status = vault.Status();
        run.Terminal.Answer(
            $"Up to date at change {status.Seq}: {changes} from other devices, {status.Items} items." + (status.Refused > 0 ? $" {status.Refused} edits were refused; see kpm list." : ""),
            ToJson(status, ("received", changes)));
        return ExitCodes.Done;
    }

    private static async Task<int> WatchAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        run.Terminal.Note($"Watching as {run.Client.SignIn.SignedInAs}. Ctrl+C ends it.");
        try
        {
            await vault.WatchAsync(
                happened =>
                {
                    Print(run.Terminal, vault, happened);
                    Note(run.Terminal, vault, happened);
                },
                cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl+C is how a watch ends.
        }

        return ExitCodes.Done;
    }

    private static async Task<int> StatusAsync(Invocation run, CancellationToken cancellationToken)
    {
        using var vault = await run.OpenVaultAsync(cancellationToken);
        var status = vault.Status();
        run.Terminal.Answer(
            $"""
            Account    {run.Client.SignIn.SignedInAs ?? "not signed in"}
            Device     {run.Client.DeviceId}
            Verified   change {status.Seq} of generation {status.Generation}
            Items      {status.Items}
            Devices    {status.Devices}
            Waiting    {status.Pending}
            Refused    {status.Refused}
            """,
            ToJson(status, ("device_id", run.Client.DeviceId.ToString("D"))));
        return ExitCodes.Done;
    }

    private static JsonObject ToJson(VaultStatus status, (string Name, JsonNode Value) more) => new()
    {
        ["seq"] = status.Seq,
        ["generation"] = status.Generation,
        ["key_epoch"] = status.KeyEpoch,
        ["items"] = status.Items,
        ["devices"] = status.Devices,
        ["pending"] = status.Pending,
        ["refused"] = status.Refused,
        [more.Name] = more.Value,
    };

    /// <summary>One line for each change of another device.</summary>
    private static void Print(Terminal terminal, OpenVault vault, SyncEvent happened)
    {
        switch (happened)
        {
            case SyncEvent.Changed { Own: false } changed:
                var item = changed.Kind == OperationKind.Put ? vault.Find(changed.Subject) : null;
                var name = item?.Item?.Name ?? item?.Unreadable;
                terminal.Answer(
                    Describe(changed, name),
                    new JsonObject
                    {
                        ["event"] = Event(changed),
                        ["seq"] = changed.Seq,
                        ["id"] = changed.Subject.ToString("D"),
                        ["rev"] = changed.Rev,
                        ["name"] = name,
                        ["device_id"] = changed.Device.ToString("D"),
                    });
                break;
            case SyncEvent.SnapshotTaken snapshot:
                terminal.Answer(
                    $"* a snapshot as of change {snapshot.Seq}",
                    new JsonObject { ["event"] = "snapshot", ["seq"] = snapshot.Seq });
                break;
            case SyncEvent.CaughtUp caughtUp when terminal.Json:
                terminal.Answer("", new JsonObject { ["event"] = "caught_up", ["seq"] = caughtUp.Seq });
                break;
        }
    }

    /// <summary>What a person should know beside the answer.</summary>
    public static void Note(Terminal terminal, OpenVault vault, SyncEvent happened)
    {
        string Name(Guid id) => vault.Find(id)?.Item?.Name is { } name ? $"\"{name}\"" : $"{id:D}";
        switch (happened)
        {
            case SyncEvent.Merged { NewlyKept: > 0 } merged:
                terminal.Note($"{Name(merged.Item)} was changed on two devices: {merged.NewlyKept} other values are kept in it. See kpm show.");
                break;
            case SyncEvent.DeletionDropped dropped:
                terminal.Note($"{Name(dropped.Item)} was not deleted: another device has changed it since.");
                break;
            case SyncEvent.Restored restored:
                terminal.Note($"{Name(restored.Item)} was deleted on another device; your edit has brought it back.");
                break;
            case SyncEvent.Refused refused:
                terminal.Note($"The server refused the edit of {Name(refused.Subject)} ({refused.Reason}). It is kept on this device.");
                break;
            case SyncEvent.Security security when security.Happened.Kind is not (SecurityEventKind.SignedIn or SecurityEventKind.SignedOut):
                terminal.Note($"Your account: {SecurityCommands.Describe(security.Happened)}. If that was not you, run kpm security events.");
                break;
            case SyncEvent.NearlyFull:
                terminal.Note(NearlyFull);
                break;
            case SyncEvent.Rekeyed { Adopted: false }:
                terminal.Note("The vault has new keys. Run the command again: the main password opens them.");
                break;
            case SyncEvent.DeviceRevoked revoked:
                terminal.Note($"The device {revoked.Device:D} has no part in the vault any more.");
                break;
            case SyncEvent.Offline offline:
                terminal.Note($"No connection ({offline.Why}). Next try in {offline.After.TotalSeconds:0.#} s.");
                break;
            case SyncEvent.Changed { Own: false, Enrolment: Enrolment.Keyed or Enrolment.Approved } joined:
                terminal.Note($"A new device joined your vault: {joined.Subject:D}. If that was not you, run kpm devices revoke.");
                break;
        }
    }

    private static string Describe(SyncEvent.Changed changed, string? name) => Event(changed) switch
    {
        "added" => $"+ {name}",
        "changed" => $"~ {name}",
        "deleted" => $"- item {changed.Subject:D}",
        "device" => $"* device {changed.Subject:D} joined",
        "revocation" => "* a device was revoked",
        _ => "* the keys were wrapped anew",
    };

    private static string Event(SyncEvent.Changed changed) => changed.Kind switch
    {
        OperationKind.Put => changed.Rev == 1 ? "added" : "changed",
        OperationKind.Delete => "deleted",
        OperationKind.DeviceKey => "device",
        OperationKind.DeviceRevocation => "revocation",
        _ => "keyset",
    };
}
