using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Kpm.Cli.Dialogues;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>The account: settings, password, address, and its end.</summary>
internal static class AccountCommands
{
    private static readonly Option<string?> Language = new("--language") { Description = "The language of mails, such as de" };
    private static readonly Option<string?> Marketing = new("--marketing") { Description = "on allows marketing mails, off withdraws that" };
    private static readonly Option<string?> Email = new("--email") { Description = "The e-mail address" };
    private static readonly Option<string?> Token = new("--token") { Description = "The token of the mail" };
    private static readonly Argument<string> NewEmail = new("address") { Description = "The new address" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var set = kpm.Command("set", "Changes the language of mails, or the consent to marketing mails.", SetAsync);
        set.Add(Language);
        set.Add(Marketing);
        Marketing.AcceptOnlyFromAmong("on", "off");
        var account = kpm.Command("account", "Shows the account.", ShowAsync);
        account.Add(set);
        yield return account;

        yield return kpm.Command("applications", "Lists the applications on offer in the account's region.", ApplicationsAsync);

        var change = kpm.Command("change", "Changes the account password, or sets a first one. Every other device is signed out. " + Reauthentications.Input + " Then the new password.", ChangePasswordAsync);
        var reset = kpm.Command("reset", "Sets a new account password by mail: without --token sends the mail, with it sets the password. Standard input: with --token the new password.", ResetPasswordAsync);
        reset.Add(Email);
        reset.Add(Token);
        yield return KpmCommand.Group("password", "The account password. The main password is another one, and stays on your devices.", change.Reauthenticated(), reset);

        var start = kpm.Command("change", "Asks for another address; both addresses get a mail. " + Reauthentications.Input, ChangeEmailAsync);
        start.Add(NewEmail);
        var confirm = kpm.Command("confirm", "Confirms one side of the change. Standard input: the token of that mail.", ConfirmEmailAsync);
        confirm.Add(Token);
        yield return KpmCommand.Group("email", "The e-mail address.", start.Reauthenticated(), confirm);

        yield return kpm.Command("delete-account", "Signs out all devices, and deletes the account after 14 days. " + Reauthentications.Input, DeleteAsync).Reauthenticated();
        var keep = kpm.Command("keep-account", "Keeps an account that was going to be deleted. Standard input: the token of the mail.", KeepAsync);
        keep.Add(Token);
        yield return keep;
        var cancel = kpm.Command("cancel-support", "Cancels what support has started on the account. Standard input: the token of the mail.", CancelSupportAsync);
        cancel.Add(Token);
        yield return cancel;
    }

    private static async Task<int> ShowAsync(Invocation run, CancellationToken cancellationToken)
    {
        Show(run.Terminal, (await run.Client.Account.GetAsync(cancellationToken)).Account);
        return ExitCodes.Done;
    }

    private static async Task<int> SetAsync(Invocation run, CancellationToken cancellationToken)
    {
        var (language, marketing) = (run.Value(Language), run.Value(Marketing));
        if (language is null && marketing is null)
        {
            throw new UsageException("Give --language, --marketing or both.");
        }

        Account? account = null;
        if (language is not null)
        {
            account = await run.Client.Account.SetLanguageAsync(language, cancellationToken);
        }

        if (marketing is not null)
        {
            var current = account ?? (await run.Client.Account.GetAsync(cancellationToken)).Account;
            var options = await run.Client.Registration.GetSignInOptionsAsync(current.Language, current.Region, cancellationToken);
            run.Terminal.Note(options.MarketingConsent.Text);
            account = await run.Client.Account.SetMarketingConsentAsync(marketing == "on", options.MarketingConsent.Version, cancellationToken);
        }

        Show(run.Terminal, account!);
        return ExitCodes.Done;
    }

    private static void Show(Terminal terminal, Account account)
    {
        var state = account.State == AccountState.Active ? "active" : "pending: run kpm activate";
        terminal.Answer(
            $"""
            Address    {account.Email}
            State      {state}
            Region     {account.Region}
            Language   {account.Language}
            Marketing  {(account.MarketingConsent ? "allowed" : "not allowed")}
            Password   {(account.HasPassword ? "set" : "none")}
            Two-step   {(account.TwoStepEnabled ? "on" : "off")}
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
                ["has_password"] = account.HasPassword,
                ["two_step_enabled"] = account.TwoStepEnabled,
                ["created_at"] = account.CreatedAt.ToDateTimeOffset(),
            });
    }

    private static async Task<int> ApplicationsAsync(Invocation run, CancellationToken cancellationToken)
    {
        var applications = await run.Client.Account.ListApplicationsAsync(cancellationToken);
        run.Terminal.AnswerTable(
            ["Application", "Name", "Oldest version"],
            applications.Select(application => ((IReadOnlyList<string>)[application.ApplicationId, application.Name, application.MinimumVersion], (JsonNode)new JsonObject
            {
                ["application_id"] = application.ApplicationId,
                ["name"] = application.Name,
                ["minimum_version"] = application.MinimumVersion,
            })),
            "There are no applications in this region.");
        return ExitCodes.Done;
    }

    private static async Task<int> ChangePasswordAsync(Invocation run, CancellationToken cancellationToken)
    {
        string? chosen = null;
        await run.WithProofAsync(proof => run.Client.Account.ChangePasswordAsync(proof, chosen ??= run.Terminal.NewSecret("New account password"), cancellationToken), cancellationToken);
        run.Terminal.Answer("The account password is changed. All other devices are signed out; what they have stays on them.", new JsonObject { ["changed"] = true });
        return ExitCodes.Done;
    }

    private static async Task<int> ResetPasswordAsync(Invocation run, CancellationToken cancellationToken)
    {
        if (run.Value(Token) is { } token)
        {
            var until = await run.Client.Recovery.CompletePasswordResetAsync(token, run.Terminal.NewSecret("New account password"), cancellationToken);
            run.Terminal.Answer(
                $"The account password is set, and all devices are signed out: run kpm sign-in. Your vault still opens with its main password only. Until {until:u}, a device that was not connected before gets the vault's keys only with an approval.",
                new JsonObject { ["reset"] = true, ["keys_held_until"] = until });
            return ExitCodes.Done;
        }

        var email = run.Value(Email) ?? run.Client.SignIn.SignedInAs ?? run.Terminal.Ask("E-mail address", "--email");
        var started = await SecurityChecks.PassAsync(run, email, async answer => SecondFactors.ToPair(await run.Client.Recovery.StartPasswordResetAsync(email, answer, cancellationToken)), cancellationToken);
        run.Terminal.Answer(
            $"If there is an account with the address {email}, a mail is on its way. Give its token to kpm password reset --token TOKEN. It sets the account password and does not open the vault: only the main password does, and nobody can reset that one.",
            new JsonObject { ["expires_at"] = started.ExpiresAt.ToDateTimeOffset(), ["resend_at"] = started.ResendAt.ToDateTimeOffset() });
        return ExitCodes.Done;
    }

    private static async Task<int> ChangeEmailAsync(Invocation run, CancellationToken cancellationToken)
    {
        var email = run.Value(NewEmail);
        var until = await run.WithProofAsync(proof => run.Client.Account.StartEmailChangeAsync(proof, email, cancellationToken), cancellationToken);
        run.Terminal.Answer(
            $"Mails are on their way to your present address and to {email}. Confirm both before {until:u}, with the links or with kpm email confirm; until then nothing changes.",
            new JsonObject { ["new_email"] = email, ["expires_at"] = until });
        return ExitCodes.Done;
    }

    private static async Task<int> ConfirmEmailAsync(Invocation run, CancellationToken cancellationToken)
    {
        var stand = await run.Client.Account.ConfirmEmailAsync(run.Value(Token) ?? run.Terminal.Code("Token of the mail"), cancellationToken);
        run.Terminal.Answer(
            stand.Changed ? "The account has the new address." : $"Confirmed. The {(stand.FormerConfirmed ? "new" : "present")} address is still to confirm.",
            new JsonObject { ["former_confirmed"] = stand.FormerConfirmed, ["new_confirmed"] = stand.NewConfirmed, ["changed"] = stand.Changed });
        return ExitCodes.Done;
    }

    private static async Task<int> DeleteAsync(Invocation run, CancellationToken cancellationToken)
    {
        if (Terminal.Interactive && !run.Terminal.Confirm("Delete the account, with its vault on the server? It can be kept for 14 days.", preset: false))
        {
            return ExitCodes.Cancelled;
        }

        var deletesAt = await run.WithProofAsync(proof => run.Client.Account.DeleteAsync(proof, cancellationToken), cancellationToken);
        run.Terminal.Answer(
            deletesAt is { } at ? $"The account is going to be deleted on {at.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC. Until then, kpm sign-in --keep or the mail keeps it." : "The account is gone.",
            new JsonObject { ["deletes_at"] = deletesAt });
        return ExitCodes.Done;
    }

    private static async Task<int> KeepAsync(Invocation run, CancellationToken cancellationToken)
    {
        await run.Client.Recovery.KeepAccountAsync(run.Value(Token) ?? run.Terminal.Code("Token of the mail"), cancellationToken);
        run.Terminal.Answer("The account stays. Run kpm sign-in.", new JsonObject { ["kept"] = true });
        return ExitCodes.Done;
    }

    private static async Task<int> CancelSupportAsync(Invocation run, CancellationToken cancellationToken)
    {
        var token = run.Value(Token) ?? run.Terminal.Code("Token of the mail");
        if (Guid.TryParseExact(token, "D", out var caseId))
        {
            await run.Client.Recovery.CancelSupportCaseAsync(caseId, cancellationToken);
        }
        else
        {
            await run.Client.Recovery.CancelSupportCaseAsync(token, cancellationToken);
        }

        run.Terminal.Answer("It is cancelled; what it had done is undone.", new JsonObject { ["cancelled"] = true });
        return ExitCodes.Done;
    }
}
