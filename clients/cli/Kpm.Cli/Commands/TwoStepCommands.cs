using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Kpm.Cli.Dialogues;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>Two-step verification.</summary>
internal static class TwoStepCommands
{
    private static readonly Argument<string> Phone = new("number") { Description = "The number with its country, such as +436601234567" };
    private static readonly Argument<string> Method = new("factor") { Description = "authenticator or sms" };
    private static readonly Argument<string?> DeviceArgument = new("device") { Description = "The device's id or how it begins, or its name; this device if none is given", Arity = ArgumentArity.ZeroOrOne };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var twoStep = kpm.Command("two-step", "Shows the factors of two-step verification.", StatusAsync);
        twoStep.Add(kpm.Command("status", "Shows the factors of two-step verification.", StatusAsync));
        twoStep.Add(kpm.Command("authenticator", "Sets up an authenticator app, or replaces it. " + Reauthentications.Input + " Then the digits that the app shows.", AuthenticatorAsync).Reauthenticated());

        var phone = kpm.Command("phone", "Sets up codes by SMS, or replaces the number. " + Reauthentications.Input + " Then the digits of the SMS to the new number.", PhoneAsync);
        phone.Add(Phone);
        twoStep.Add(phone.Reauthenticated());

        var remove = kpm.Command("remove", "Removes a factor; without the last one two-step verification is off. " + Reauthentications.Input, RemoveAsync);
        remove.Add(Method);
        Method.AcceptOnlyFromAmong("authenticator", "sms");
        twoStep.Add(remove.Reauthenticated());

        twoStep.Add(kpm.Command("recovery-codes", "Makes ten new recovery codes; the former ones end. " + Reauthentications.Input, RecoveryCodesAsync).Reauthenticated());
        twoStep.Add(kpm.Command("trusted", "Lists the devices that skip the second step.", TrustedAsync));
        var forget = kpm.Command("forget", "Ends the trust in a device.", ForgetAsync);
        forget.Add(DeviceArgument);
        twoStep.Add(forget);
        yield return twoStep;
    }

    private static async Task<int> StatusAsync(Invocation run, CancellationToken cancellationToken)
    {
        var settings = await run.Client.TwoStep.GetSettingsAsync(cancellationToken);
        var left = settings.RecoveryCodes.Count(code => code.UsedAt is null);
        var used = settings.RecoveryCodes.Where(code => code.UsedAt is not null).Select(code => $"{Environment.NewLine}               {code.Number} was used {code.UsedAt.ToDateTimeOffset():u}");
        run.Terminal.Answer(
            $"""
            Two-step       {(settings.Enabled ? "on" : "off")}
            Authenticator  {(settings.AuthenticatorSince is { } app ? $"since {app.ToDateTimeOffset():u}" : "none")}
            SMS            {(settings.PhoneSince is { } phone ? $"{settings.MaskedPhone} since {phone.ToDateTimeOffset():u}" : "none")}
            Recovery codes {(settings.RecoveryCodes.Count == 0 ? "none" : $"{left} of {settings.RecoveryCodes.Count} left{string.Concat(used)}")}
            """,
            new JsonObject
            {
                ["enabled"] = settings.Enabled,
                ["authenticator_since"] = settings.AuthenticatorSince?.ToDateTimeOffset(),
                ["phone_since"] = settings.PhoneSince?.ToDateTimeOffset(),
                ["masked_phone"] = settings.MaskedPhone.Length == 0 ? null : settings.MaskedPhone,
                ["recovery_codes"] = new JsonArray([.. settings.RecoveryCodes.Select(code => (JsonNode)new JsonObject { ["number"] = code.Number, ["used_at"] = code.UsedAt?.ToDateTimeOffset() })]),
            });
        return ExitCodes.Done;
    }

    private static async Task<int> AuthenticatorAsync(Invocation run, CancellationToken cancellationToken)
    {
        var started = await run.WithProofAsync(proof => run.Client.TwoStep.StartAuthenticatorAsync(proof, cancellationToken), cancellationToken);
        run.Terminal.Note(run.Terminal.DrawQr(started.OtpauthUri) ? "Scan this with your authenticator app, or type its secret:" : "Give this secret to your authenticator app:");
        run.Terminal.Note($"  {string.Join(' ', started.Secret.Chunk(4).Select(group => new string(group)))}{Environment.NewLine}  {started.OtpauthUri}");
        var codes = await RetryAsync(
            "The 6 digits that the app shows now", code => run.Client.TwoStep.ConfirmAuthenticatorAsync(started.Ticket, code, cancellationToken), run.Terminal);
        Answer(run.Terminal, "Two-step verification with your authenticator app is on.", codes);
        return ExitCodes.Done;
    }

    private static async Task<int> PhoneAsync(Invocation run, CancellationToken cancellationToken)
    {
        var number = Normalise(run.Value(Phone));
        var email = run.Client.SignIn.SignedInAs;
        var started = await run.WithProofAsync(
            proof => SecurityChecks.PassAsync(run, email, async answer => SecondFactors.ToPair(await run.Client.TwoStep.StartPhoneAsync(proof, number, answer, cancellationToken)), cancellationToken),
            cancellationToken);
        run.Terminal.Note($"A code is on its way to {started.Code.MaskedPhone}.");
        var codes = await RetryAsync(
            $"The {started.Code.Digits.ToString(CultureInfo.InvariantCulture)} digits of the SMS", code => run.Client.TwoStep.ConfirmPhoneAsync(started.Ticket, code, cancellationToken), run.Terminal);
        Answer(run.Terminal, "Two-step verification by SMS is on.", codes);
        return ExitCodes.Done;
    }

    private static async Task<int> RemoveAsync(Invocation run, CancellationToken cancellationToken)
    {
        var method = run.Value(Method) == "sms" ? TwoStepMethod.Sms : TwoStepMethod.Authenticator;
        var enabled = await run.WithProofAsync(proof => run.Client.TwoStep.RemoveAsync(proof, method, cancellationToken), cancellationToken);
        run.Terminal.Answer(
            enabled ? "The factor is removed; the other one still guards sign-in." : "The factor is removed. Two-step verification is off, and the recovery codes have ended.",
            new JsonObject { ["enabled"] = enabled });
        return ExitCodes.Done;
    }

    private static async Task<int> RecoveryCodesAsync(Invocation run, CancellationToken cancellationToken)
    {
        var codes = await run.WithProofAsync(proof => run.Client.TwoStep.NewRecoveryCodesAsync(proof, cancellationToken), cancellationToken);
        Answer(run.Terminal, "These are the new recovery codes; the former ones have ended.", codes);
        return ExitCodes.Done;
    }

    private static async Task<int> TrustedAsync(Invocation run, CancellationToken cancellationToken)
    {
        var devices = await run.Client.TwoStep.ListTrustedDevicesAsync(cancellationToken);
        run.Terminal.AnswerTable(
            ["Device", "Name", "Trusted", "Until"],
            devices.Select(device => ((IReadOnlyList<string>)[device.DeviceId, device.Name, $"{device.TrustedAt.ToDateTimeOffset():u}", $"{device.ExpiresAt.ToDateTimeOffset():u}"], (JsonNode)new JsonObject
            {
                ["device_id"] = device.DeviceId,
                ["name"] = device.Name,
                ["trusted_at"] = device.TrustedAt.ToDateTimeOffset(),
                ["expires_at"] = device.ExpiresAt.ToDateTimeOffset(),
            })),
            "No device skips the second step.");
        return ExitCodes.Done;
    }

    private static async Task<int> ForgetAsync(Invocation run, CancellationToken cancellationToken)
    {
        var device = run.Parsed.GetValue(DeviceArgument) is { } wanted
            ? Guid.ParseExact(DeviceCommands.Find(await run.Client.Devices.ListAsync(cancellationToken), wanted).DeviceId, "D")
            : run.Client.DeviceId;
        await run.Client.TwoStep.ForgetTrustedDeviceAsync(device, cancellationToken);
        run.Terminal.Answer("That device is asked for the second step again.", new JsonObject { ["forgotten"] = device.ToString("D") });
        return ExitCodes.Done;
    }

    /// <summary>Asks for the digits; a person may correct them while the ticket lives.</summary>
    private static async Task<IReadOnlyList<string>> RetryAsync(string prompt, Func<string, Task<IReadOnlyList<string>>> confirm, Terminal terminal)
    {
        while (true)
        {
            var code = SecondFactors.Digits(terminal.Code(prompt));
            try
            {
                return await confirm(code);
            }
            catch (Client.Accounts.ServerException wrong) when (Terminal.Interactive && wrong.Reason == ErrorReason.SecondFactorInvalid)
            {
                terminal.Note("That code is wrong, used or expired.");
            }
        }
    }

    private static void Answer(Terminal terminal, string text, IReadOnlyList<string> codes)
    {
        var shown = codes.Select((code, index) => string.Create(CultureInfo.InvariantCulture, $"{Environment.NewLine}  {index + 1,2}  {code}"));
        terminal.Answer(
            codes.Count == 0 ? text : $"{text} Keep these recovery codes apart from your devices; each works once, and they are not shown again:{string.Concat(shown)}",
            new JsonObject { ["recovery_codes"] = new JsonArray([.. codes.Select(code => (JsonNode)code)]) });
    }

    /// <summary>Without what people write between digits.</summary>
    private static string Normalise(string number) => new([.. number.Where(letter => !char.IsWhiteSpace(letter) && letter is not ('-' or '(' or ')' or '/' or '.'))]);
}
