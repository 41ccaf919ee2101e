using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Kpm.Client.Accounts;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>Account, session and devices.</summary>
internal static class AccountCommands
{
    private static readonly Option<string?> Email = new("--email") { Description = "The e-mail address" };
    private static readonly Option<string?> Region = new("--region") { Description = "The region, such as AT; preselected from the locale" };
    private static readonly Option<string?> Language = new("--language") { Description = "The language of mails, such as de" };
    private static readonly Option<bool> Marketing = new("--marketing") { Description = "Agree to marketing mails; off unless given" };
    private static readonly Option<string?> Code = new("--code") { Description = "The six digits of the mail" };
    private static readonly Option<string?> Token = new("--token") { Description = "The token of the mail" };
    private static readonly Argument<string> DeviceArgument = new("device") { Description = "The device's id, or how it begins" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var create = kpm.Command("create-account", "Creates an account and its vault. Standard input: account password, main password.", CreateAsync);
        create.Add(Email);
        create.Add(Region);
        create.Add(Language);
        create.Add(Marketing);
        yield return create;

        var activate = kpm.Command("activate", "Activates the account with the mail that was sent. Standard input: code or token, and without a session the account password.", ActivateAsync);
        activate.Add(Code);
        activate.Add(Token);
        yield return activate;

        yield return kpm.Command("resend-activation", "Sends the activation mail again.", ResendAsync);

        var signIn = kpm.Command("sign-in", "Connects this device to an account. Standard input: account password, main password.", SignInAsync);
        signIn.Add(Email);
        yield return signIn;

        yield return kpm.Command("sign-out", "Ends the session. The encrypted copy of the vault stays.", SignOutAsync);
        yield return kpm.Command("account", "Shows the account.", AccountAsync);

        var devices = kpm.Command("devices", "Lists the devices of the account.", ListDevicesAsync);
        devices.Add(kpm.Command("list", "Lists the devices of the account.", ListDevicesAsync));
        var revoke = kpm.Command("revoke", "Ends all sessions of a device, at once and for good.", RevokeAsync);
        revoke.Add(DeviceArgument);
        devices.Add(revoke);
        yield return devices;
    }

    private static async Task<int> CreateAsync(Invocation run, CancellationToken cancellationToken)
    {
        var terminal = run.Terminal;
        var locale = CultureInfo.CurrentUICulture.Name is { Length: > 0 } name ? name : "en";
        var options = await run.Client.Account.GetSignInOptionsAsync(locale, run.Value(Region)?.ToUpperInvariant() ?? "", cancellationToken);
        var email = run.Value(Email) ?? terminal.Ask("E-mail address", "--email");
        var region = run.Value(Region)?.ToUpperInvariant() ?? terminal.Ask($"Region ({options.Regions.Count} to choose from, such as AT or US)", "--region", options.SelectedRegion).ToUpperInvariant();
        var languages = options.Regions.FirstOrDefault(known => known.Code == region)?.Languages ?? throw new UsageException($"There is no region {region}.");
        var language = run.Value(Language) ?? PreferredLanguage(languages, locale);
        var consent = run.Value(Marketing) || terminal.Confirm(options.MarketingConsent.Text, preset: false);
        terminal.Note("The account password signs you in. The server sees it; your vault has a main password of its own.");
        var password = terminal.NewSecret("Account password");
        var mainPassword = run.NewMainPassword(password, [email]);
        var created = await run.Client.Account.CreateAccountAsync(
            new NewAccount
            {
                Email = email,
                Password = password,
                PasswordConfirmation = password,
                Region = region,
                Language = language,
                MarketingConsent = consent,
                ConsentVersion = options.MarketingConsent.Version,
            },
            cancellationToken);
        try
        {
            using var vault = await run.Client.CreateVaultAsync(mainPassword, password, cancellationToken);
        }
        catch (ServerException)
        {
            terminal.Note("The account is created, but its vault is not made yet. Run kpm list to make it.");
            throw;
        }

        terminal.Answer(
            $"Your account is created and this device is connected. A mail with a code is on its way to {created.Account.Email}: run kpm activate.",
            new JsonObject { ["account_id"] = created.Account.AccountId, ["device_id"] = run.Client.DeviceId.ToString("D"), ["state"] = "pending" });
        return ExitCodes.Done;
    }

    private static async Task<int> ActivateAsync(Invocation run, CancellationToken cancellationToken)
    {
        var proof = run.Value(Code) ?? run.Value(Token) ?? run.Terminal.Secret("Code or token of the mail");
        var password = run.Client.Account.SignedInAs is null ? run.Terminal.Secret("Account password") : null;
        var account = await run.Client.Account.ActivateAsync(proof.Trim(), password, cancellationToken);
        run.Terminal.Answer(
            $"The account {account.Email} is active. On your other devices, run kpm sign-in.",
            new JsonObject { ["account_id"] = account.AccountId, ["state"] = "active" });
        return ExitCodes.Done;
    }

    private static async Task<int> ResendAsync(Invocation run, CancellationToken cancellationToken)
    {
        var activation = await run.Client.Account.ResendActivationAsync(cancellationToken);
        run.Terminal.Answer("Another mail is on its way; the older ones are void.", new JsonObject { ["resend_at"] = activation.ResendAt.ToDateTimeOffset() });
        return ExitCodes.Done;
    }

    private static async Task<int> SignInAsync(Invocation run, CancellationToken cancellationToken)
    {
        var email = run.Value(Email) ?? run.Terminal.Ask("E-mail address", "--email");
        var password = run.Terminal.Secret("Account password");
        var account = await run.Client.Account.SignInAsync(email, password, cancellationToken);
        using var vault = await run.Client.HasVaultAsync(cancellationToken)
            ? await run.Client.UnlockAsync(run.Terminal.Secret("Main password"), cancellationToken)
            : await run.Client.CreateVaultAsync(run.NewMainPassword(password, [email]), password, cancellationToken);
        await vault.SyncAsync(_ => { }, cancellationToken);
        var status = vault.Status();
        run.Terminal.Answer(
            $"Signed in as {account.Email}. This device has the vault: {status.Items} items.",
            new JsonObject { ["account_id"] = account.AccountId, ["device_id"] = run.Client.DeviceId.ToString("D"), ["items"] = status.Items, ["seq"] = status.Seq });
        return ExitCodes.Done;
    }

    private static async Task<int> SignOutAsync(Invocation run, CancellationToken cancellationToken)
    {
        await run.Client.Account.SignOutAsync(cancellationToken);
        run.Terminal.Answer("Signed out.", new JsonObject { ["signed_out"] = true });
        return ExitCodes.Done;
    }

    private static async Task<int> AccountAsync(Invocation run, CancellationToken cancellationToken)
    {
        var response = await run.Client.Account.GetAccountAsync(cancellationToken);
        var account = response.Account;
        var state = account.State == AccountState.Active ? "active" : "pending: run kpm activate";
        run.Terminal.Answer(
            $"""
            Address    {account.Email}
            State      {state}
            Region     {account.Region}
            Language   {account.Language}
            Marketing  {(account.MarketingConsent ? "allowed" : "not allowed")}
            Created    {account.CreatedAt.ToDateTimeOffset():u}
            Account    {account.AccountId}
            """,
            new JsonObject
            {
                ["account_id"] = account.AccountId,
                ["email"] = account.Email,
                ["state"] = account.State == AccountState.Active ? "active" : "pending",
                ["region"] = account.Region,
                ["language"] = account.Language,
                ["marketing_consent"] = account.MarketingConsent,
                ["created_at"] = account.CreatedAt.ToDateTimeOffset(),
            });
        return ExitCodes.Done;
    }

    private static async Task<int> ListDevicesAsync(Invocation run, CancellationToken cancellationToken)
    {
        var devices = await run.Client.Account.ListDevicesAsync(cancellationToken);
        run.Terminal.AnswerTable(["Device", "Name", "Platform", "State", "Linked", "Seen"], devices.Select(Row), "There are no devices.");
        return ExitCodes.Done;
    }

    private static async Task<int> RevokeAsync(Invocation run, CancellationToken cancellationToken)
    {
        var prefix = run.Value(DeviceArgument);
        var matches = (await run.Client.Account.ListDevicesAsync(cancellationToken)).Where(device => device.DeviceId.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)).ToList();
        var device = matches.Count switch
        {
            0 => throw new NotFoundException($"There is no device {prefix}. See kpm devices."),
            1 => matches[0],
            _ => throw new NotFoundException($"{matches.Count} devices begin with {prefix}. Give more of the id."),
        };
        var revoked = await run.Client.Account.RevokeDeviceAsync(Guid.ParseExact(device.DeviceId, "D"), cancellationToken);
        run.Terminal.Answer($"The device {revoked.Name} ({revoked.DeviceId}) is revoked.", Row(revoked).Json);
        return ExitCodes.Done;
    }

    private static (IReadOnlyList<string> Cells, JsonNode Json) Row(Device device)
    {
        var state = device.RevokedAt is not null
            ? device.RevocationAcknowledgedAt is null ? "revoked" : $"revoked, acknowledged {device.RevocationAcknowledgedAt.ToDateTimeOffset():u}"
            : device.Current ? "this device" : device.Online ? "online" : "linked";
        return (
            [device.DeviceId, device.Name, device.Platform.ToString(), state, $"{device.LinkedAt.ToDateTimeOffset():u}", $"{device.LastSeenAt?.ToDateTimeOffset():u}"],
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
                ["acknowledged_seq"] = device.AcknowledgedSeq,
            });
    }

    private static string PreferredLanguage(IEnumerable<string> languages, string locale)
    {
        var known = languages.ToList();
        return known.Find(language => locale.Equals(language, StringComparison.OrdinalIgnoreCase) || locale.StartsWith(language + "-", StringComparison.OrdinalIgnoreCase)) ?? known[0];
    }
}
