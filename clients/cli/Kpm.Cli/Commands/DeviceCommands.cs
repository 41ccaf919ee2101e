using System.CommandLine;
using System.Text.Json.Nodes;
using Kpm.Cli.Dialogues;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>The devices of the account.</summary>
internal static class DeviceCommands
{
    private static readonly Argument<string> DeviceArgument = new("device") { Description = "The device's id or how it begins, or its name" };
    private static readonly Argument<string?> HeldDevice = new("device") { Description = "The device's id or how it begins, or its name; where only one waits it need not be named", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Argument<string> Name = new("name") { Description = "The new name" };
    private static readonly Option<bool> This = new("--this") { Description = "This device, with a second factor" };

    private static readonly Option<bool?> Rekey = new("--rekey") { Description = "Give the vault new keys too, as kpm rekey does (a person is asked)" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var devices = kpm.Command("devices", "Lists the devices of the account.", ListAsync);
        devices.Add(kpm.Command("list", "Lists the devices of the account.", ListAsync));
        var rename = kpm.Command("rename", "Gives a device another name.", RenameAsync);
        rename.Add(DeviceArgument);
        rename.Add(Name);
        devices.Add(rename);
        var revoke = kpm.Command("revoke", "Ends all sessions of a device, at once and for good. Standard input: with --rekey the main password.", RevokeAsync);
        revoke.Add(DeviceArgument);
        revoke.Add(Rekey);
        devices.Add(revoke);
        var approve = kpm.Command(
            "approve", "Lets a device have the vault's keys that signed in after the password was reset by mail. Standard input: with --this a code.", ApproveAsync);
        approve.Add(HeldDevice);
        approve.Add(This);
        approve.Add(SecondFactors.Factor);
        devices.Add(approve);
        yield return devices;
    }

    /// <summary>The one device that is meant.</summary>
    public static Device Find(IReadOnlyList<Device> devices, string wanted)
    {
        var byId = devices.Where(device => device.DeviceId.StartsWith(wanted, StringComparison.OrdinalIgnoreCase)).ToList();
        var matches = byId.Count > 0 ? byId : [.. devices.Where(device => device.Name.Equals(wanted, StringComparison.OrdinalIgnoreCase))];
        return matches.Count switch
        {
            0 => throw new NotFoundException($"There is no device {wanted}. See kpm devices."),
            1 => matches[0],
            _ => throw new NotFoundException($"{matches.Count} devices match {wanted}. Give more of the id."),
        };
    }

    private static async Task<int> ListAsync(Invocation run, CancellationToken cancellationToken)
    {
        var devices = await run.Client.Devices.ListAsync(cancellationToken);
        run.Terminal.AnswerTable(["Device", "Name", "Platform", "State", "Linked", "Seen", "Behind"], devices.Select(Row), "There are no devices.");
        return ExitCodes.Done;
    }

    private static async Task<int> RenameAsync(Invocation run, CancellationToken cancellationToken)
    {
        var device = Find(await run.Client.Devices.ListAsync(cancellationToken), run.Value(DeviceArgument));
        var renamed = await run.Client.Devices.RenameAsync(IdOf(device), run.Value(Name), cancellationToken);
        run.Terminal.Answer($"The device {renamed.DeviceId} is called {renamed.Name}.", Row(renamed).Json);
        return ExitCodes.Done;
    }

    private static async Task<int> RevokeAsync(Invocation run, CancellationToken cancellationToken)
    {
        var device = Find(await run.Client.Devices.ListAsync(cancellationToken), run.Value(DeviceArgument));
        var revoked = await run.Client.Devices.RevokeAsync(IdOf(device), cancellationToken);
        run.Terminal.Note($"The device {revoked.Name} ({revoked.DeviceId}) is revoked: the server gives it nothing more. What it had of the vault it still has, and the vault's keys too.");
        var json = Row(revoked).Json;
        if (!(run.Value(Rekey) ?? (Terminal.Interactive && run.Client.HasLocalVault && run.Terminal.Confirm("Give the vault new keys now, so that it can't read what is written from now on?", preset: true))))
        {
            run.Terminal.Answer($"The device {revoked.Name} is revoked. Run kpm rekey to give the vault new keys.", json);
            return ExitCodes.Done;
        }

        var (epoch, _) = await KeyCommands.RekeyAsync(run, run.Terminal.Secret("Main password"), null, cancellationToken);
        json["key_epoch"] = epoch;
        run.Terminal.Answer($"The device {revoked.Name} is revoked, and the vault has new keys (epoch {epoch}).", json);
        return ExitCodes.Done;
    }

    private static async Task<int> ApproveAsync(Invocation run, CancellationToken cancellationToken)
    {
        var devices = await run.Client.Devices.ListAsync(cancellationToken);
        var held = devices.Where(device => device.KeysHeldUntil is not null && device.SessionId.Length > 0).ToList();
        Device device;
        SecondFactor? factor = null;
        if (run.Value(This))
        {
            device = held.Find(waiting => waiting.Current) ?? throw new NotFoundException("This device waits for no approval.");
            var methods = SecondFactors.MethodsOf(await run.Client.TwoStep.GetSettingsAsync(cancellationToken));
            factor = methods.Count > 0
                ? await SecondFactors.AskAsync(run, methods, run.Client.SignIn.SignedInAs, answer => run.Client.TwoStep.SendCodeAsync(answer, cancellationToken), cancellationToken)
                : throw new StepNeededException("The account has no second factor. Approve this device from another one, or wait.");
        }
        else if (run.Parsed.GetValue(HeldDevice) is { } wanted)
        {
            device = Find(held, wanted);
        }
        else
        {
            device = held.Count == 1 ? held[0] : throw new NotFoundException(held.Count == 0 ? "No device waits for an approval." : $"{held.Count} devices wait for an approval: name one. See kpm devices.");
        }

        if (Terminal.Interactive && factor is null && !run.Terminal.Confirm($"Let {device.Name} ({device.Platform}, signed in {device.LinkedAt.ToDateTimeOffset():u}) have the vault's keys? Only if it is yours.", preset: false))
        {
            return ExitCodes.Cancelled;
        }

        await run.Client.Devices.ApproveAsync(device.SessionId, factor, cancellationToken);
        run.Terminal.Answer($"The device {device.Name} can open the vault with the main password now.", new JsonObject { ["approved"] = device.DeviceId });
        return ExitCodes.Done;
    }

    private static Guid IdOf(Device device) => Guid.ParseExact(device.DeviceId, "D");

    private static (IReadOnlyList<string> Cells, JsonNode Json) Row(Device device)
    {
        var state = device.RevokedAt is not null
            ? device.RevocationAcknowledgedAt is null ? "revoked" : $"revoked, acknowledged {device.RevocationAcknowledgedAt.ToDateTimeOffset():u}"
            : device.KeysHeldUntil is not null ? "waits for approval" : device.Current ? "this device" : device.Online ? "online" : device.SessionId.Length > 0 ? "linked" : "signed out";
        return (
            [device.DeviceId, device.Name, device.Platform.ToString(), state, $"{device.LinkedAt.ToDateTimeOffset():u}", $"{device.LastSeenAt?.ToDateTimeOffset():u}", device.UnacknowledgedChanges == 0 ? "" : $"{device.UnacknowledgedChanges} changes"],
            new JsonObject
            {
                ["device_id"] = device.DeviceId,
                ["name"] = device.Name,
                ["platform"] = device.Platform.ToString(),
                ["application_id"] = device.ApplicationId,
                ["current"] = device.Current,
                ["online"] = device.Online,
                ["linked_at"] = device.LinkedAt?.ToDateTimeOffset(),
                ["last_seen_at"] = device.LastSeenAt?.ToDateTimeOffset(),
                ["revoked_at"] = device.RevokedAt?.ToDateTimeOffset(),
                ["revocation_acknowledged_at"] = device.RevocationAcknowledgedAt?.ToDateTimeOffset(),
                ["keys_held_until"] = device.KeysHeldUntil?.ToDateTimeOffset(),
                ["acknowledged_seq"] = device.AcknowledgedSeq,
                ["unacknowledged_changes"] = device.UnacknowledgedChanges,
            });
    }
}
