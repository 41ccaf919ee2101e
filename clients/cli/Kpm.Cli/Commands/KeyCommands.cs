using System.CommandLine;
using System.Text.Json.Nodes;

namespace Kpm.Cli;

/// <summary>New keys for the vault, and what it holds.</summary>
internal static class KeyCommands
{
    private static readonly Option<bool> NewPassword = new("--change-main") { Description = "Choose another main password with the new keys" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var rekey = kpm.Command(
            "rekey",
            "Gives the vault new keys and ends the part of revoked devices in it. Standard input: main password; with --change-main the new one.",
            RekeyAsync);
        rekey.Add(NewPassword);
        yield return rekey;
        yield return kpm.Command("usage", "Shows what the vault holds, and how much it may.", UsageAsync);
    }

    private static async Task<int> RekeyAsync(Invocation run, CancellationToken cancellationToken)
    {
        var mainPassword = run.Terminal.Secret("Main password");
        var (epoch, revoked) = await RekeyAsync(run, mainPassword, run.Value(NewPassword) ? run.NewMainPassword(null, []) : null, cancellationToken);
        run.Terminal.Answer(
            $"The vault has new keys (epoch {epoch}). Devices whose part in it has ended now: {revoked}. Items keep the old keys until they are changed: change the passwords that a lost device had.",
            new JsonObject { ["key_epoch"] = epoch, ["revoked"] = revoked });
        return ExitCodes.Done;
    }

    /// <summary>Re-keys for all devices that the account has revoked; the new epoch, and how many devices went.</summary>
    public static async Task<(uint Epoch, int Revoked)> RekeyAsync(Invocation run, string mainPassword, string? newMainPassword, CancellationToken cancellationToken)
    {
        var devices = await run.Client.Devices.ListAsync(cancellationToken);
        var revoked = devices.Where(device => device.RevokedAt is not null).Select(device => Guid.ParseExact(device.DeviceId, "D"));
        using var vault = await run.Client.UnlockAsync(mainPassword, cancellationToken);
        var ended = 0;
        await vault.RekeyAsync(
            mainPassword,
            newMainPassword,
            revoked,
            happened =>
            {
                ended += happened is Client.Sync.SyncEvent.DeviceRevoked ? 1 : 0;
                SyncCommands.Note(run.Terminal, vault, happened);
            },
            cancellationToken);
        return (vault.Status().KeyEpoch, ended);
    }

    private static async Task<int> UsageAsync(Invocation run, CancellationToken cancellationToken)
    {
        var usage = await run.Client.GetUsageAsync(cancellationToken);
        run.Terminal.Answer(
            $"""
            Items      {usage.Items} of {usage.MaxItems}
            Storage    {FileCommands.Size(usage.Bytes)} of {FileCommands.Size(usage.MaxBytes)}
            of which   {FileCommands.Size(usage.AttachmentBytes)} are files
            """,
            new JsonObject
            {
                ["items"] = usage.Items,
                ["max_items"] = usage.MaxItems,
                ["bytes"] = usage.Bytes,
                ["max_bytes"] = usage.MaxBytes,
                ["attachment_bytes"] = usage.AttachmentBytes,
                ["nearly_full"] = usage.NearlyFull,
            });
        if (usage.NearlyFull)
        {
            run.Terminal.Note(SyncCommands.NearlyFull);
        }

        return ExitCodes.Done;
    }
}
