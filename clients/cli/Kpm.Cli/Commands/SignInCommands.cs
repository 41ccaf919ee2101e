using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Kpm.Cli.Dialogues;
using Kpm.Client.Accounts;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>Connecting this device to an account, and ending that.</summary>
internal static class SignInCommands
{
    private static readonly Option<string?> Email = new("--email") { Description = "The e-mail address" };
    private static readonly Option<string?> Region = new("--region") { Description = "The region, such as AT; preselected from the locale" };
    private static readonly Option<string?> Language = new("--language") { Description = "The language of mails, such as de" };
    private static readonly Option<bool> Marketing = new("--marketing") { Description = "Agree to marketing mails; off unless given" };
    private static readonly Option<string?> Code = new("--code") { Description = "The six digits of the mail" };
    private static readonly Option<string?> Token = new("--token") { Description = "The token of the mail" };
    private static readonly Option<bool> Hint = new("--hint") { Description = "The account that another app of this device is signed in to" };
    private static readonly Option<bool> Trust = new("--trust") { Description = "Spare this device the second step for 30 days" };
    private static readonly Option<bool> Keep = new("--keep") { Description = "Keep the account where it is going to be deleted" };
    private static readonly Option<bool> Everywhere = new("--everywhere") { Description = "End every session of the account, on all devices" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var create = kpm.Command("create-account", "Creates an account and its vault. Standard input: account password (not with --with), main password.", CreateAsync);
        foreach (var option in new Option[] { Email, Region, Language, Marketing, Providers.With })
        {
            create.Add(option);
        }

        yield return create;

        var activate = kpm.Command("activate", "Activates the account with the mail that was sent. Standard input: code or token, and without a session the account password.", ActivateAsync);
        activate.Add(Code);
        activate.Add(Token);
        yield return activate;

        var resend = kpm.Command("resend", "Sends the activation mail again.", ResendAsync);
        resend.Aliases.Add("resend-activation");
        yield return resend;

        var discard = kpm.Command("discard", "\"This was not me\": removes the account that somebody registered with your address. Standard input: the token of that link.", DiscardAsync);
        discard.Add(Token);
        yield return discard;

        var signIn = kpm.Command("sign-in", "Connects this device to an account. Standard input: account password (not with --with), a code where two-step verification is on, main password.", SignInAsync);
        foreach (var option in new Option[] { Email, Hint, Providers.With, SecondFactors.Factor, Trust, Keep, Region })
        {
            signIn.Add(option);
        }

        yield return signIn;

        var signOut = kpm.Command("sign-out", "Ends the session. The encrypted copy of the vault stays.", SignOutAsync);
        signOut.Add(Everywhere);
        yield return signOut;
    }

    private static async Task<int> CreateAsync(Invocation run, CancellationToken cancellationToken)
    {
        await run.Client.SignIn.RequireSignedOutAsync(cancellationToken);
        var options = await run.Client.Registration.GetSignInOptionsAsync(Locale, RegionOf(run), cancellationToken);
        if (run.Value(Providers.With) is not { } provider)
        {
            return await RegisterAsync(run, options, null, cancellationToken);
        }

        var outcome = await run.Client.SignIn.WithProviderAsync(
            await Providers.AskAsync(run, provider, FederatedPurpose.SignIn, options.SelectedRegion, cancellationToken), cancellationToken);
        if (outcome is SignInOutcome.RegisterFirst first)
        {
            return await RegisterAsync(run, options, first.Registration, cancellationToken);
        }

        run.Terminal.Note("There is an account with this identity already: signing in to it.");
        return await FinishAsync(run, outcome, "", () => throw new StepNeededException("Run kpm sign-in."), cancellationToken);
    }

    /// <summary>Asks for what is missing, creates the account, and makes its vault.</summary>
    private static async Task<int> RegisterAsync(Invocation run, GetSignInOptionsResponse options, RegisterFirst? identity, CancellationToken cancellationToken)
    {
        var terminal = run.Terminal;
        if (identity?.EmailInUse == true)
        {
            terminal.Note($"There is an account with the address {identity.Email} already. If it is yours, sign in to it and run kpm identities link.");
        }

        var email = run.Value(Email) ?? (identity is { Email.Length: > 0 } && !Terminal.Interactive ? identity.Email : terminal.Ask("E-mail address", "--email", identity is { Email.Length: > 0 } ? identity.Email : null));
        var region = run.Value(Region)?.ToUpperInvariant() ?? terminal.Ask($"Region, such as AT or US ({options.Regions.Count} to choose from)", "--region", options.SelectedRegion).ToUpperInvariant();
        var languages = options.Regions.FirstOrDefault(known => known.Code == region)?.Languages ?? throw new UsageException($"There is no region {region}.");
        var language = run.Value(Language) ?? PreferredLanguage(languages, Locale);
        var consent = run.Value(Marketing) || terminal.Confirm(options.MarketingConsent.Text, preset: false);
        var password = "";
        if (identity is null)
        {
            terminal.Note("The account password signs you in. The server sees it; your vault has a main password of its own.");
            password = terminal.NewSecret("Account password");
        }

        var mainPassword = run.NewMainPassword(password.Length == 0 ? null : password, [email]);
        var account = new NewAccount
        {
            Email = email,
            Password = password,
            PasswordConfirmation = password,
            Region = region,
            Language = language,
            MarketingConsent = consent,
            ConsentVersion = options.MarketingConsent.Version,
            RegistrationTicket = identity?.Ticket ?? "",
        };
        AccountCreated created;
        while (true)
        {
            try
            {
                created = await SecurityChecks.PassAsync(
                    run, email, async answer => SecondFactors.ToPair(await run.Client.Registration.CreateAccountAsync(account, answer, cancellationToken)), cancellationToken);
                break;
            }
            catch (ServerException refused) when (Terminal.Interactive && refused.Reason == ErrorReason.PasswordRejected)
            {
                // Nothing else has to be typed again for that.
                terminal.Note(ErrorText.OfPassword(refused));
                password = terminal.NewSecret("Account password");
                account = account with { Password = password, PasswordConfirmation = password };
            }
        }

        try
        {
            using var vault = await run.Client.CreateVaultAsync(mainPassword, password.Length == 0 ? null : password, cancellationToken);
        }
        catch (ServerException)
        {
            terminal.Note("The account is created, but its vault is not made yet. Run kpm list to make it.");
            throw;
        }

        var active = created.Account.State == AccountState.Active;
        terminal.Answer(
            active
                ? $"Your account {created.Account.Email} is created and active, and this device is connected."
                : $"Your account is created and this device is connected. A mail with a code is on its way to {created.Account.Email}: run kpm activate.",
            new JsonObject { ["account_id"] = created.Account.AccountId, ["device_id"] = run.Client.DeviceId.ToString("D"), ["state"] = active ? "active" : "pending" });
        return ExitCodes.Done;
    }

    private static async Task<int> ActivateAsync(Invocation run, CancellationToken cancellationToken)
    {
        var proof = run.Value(Code) ?? run.Value(Token) ?? run.Terminal.Code("Code or token of the mail");
        var password = run.Client.SignIn.SignedInAs is null ? run.Terminal.Secret("Account password") : null;
        var account = await run.Client.Registration.ActivateAsync(SecondFactors.Digits(proof) is { Length: 6 } code ? code : proof.Trim(), password, cancellationToken);
        run.Terminal.Answer(
            $"The account {account.Email} is active. On your other devices, run kpm sign-in.",
            new JsonObject { ["account_id"] = account.AccountId, ["state"] = "active" });
        return ExitCodes.Done;
    }

    private static async Task<int> ResendAsync(Invocation run, CancellationToken cancellationToken)
    {
        var activation = await run.Client.Registration.ResendActivationAsync(cancellationToken);
        run.Terminal.Answer("Another mail is on its way; the older ones are void.", new JsonObject { ["resend_at"] = activation.ResendAt.ToDateTimeOffset() });
        return ExitCodes.Done;
    }

    private static async Task<int> DiscardAsync(Invocation run, CancellationToken cancellationToken)
    {
        await run.Client.Registration.DiscardAsync(run.Value(Token) ?? run.Terminal.Code("Token of the link"), cancellationToken);
        run.Terminal.Answer("The account that was registered with your address is gone, with its sessions.", new JsonObject { ["discarded"] = true });
        return ExitCodes.Done;
    }

    private static async Task<int> SignInAsync(Invocation run, CancellationToken cancellationToken)
    {
        await run.Client.SignIn.RequireSignedOutAsync(cancellationToken);
        if (run.Value(Providers.With) is { } provider)
        {
            var options = await run.Client.Registration.GetSignInOptionsAsync(Locale, RegionOf(run), cancellationToken);
            async Task<SignInOutcome> AskAsync() => await run.Client.SignIn.WithProviderAsync(
                await Providers.AskAsync(run, provider, FederatedPurpose.SignIn, options.SelectedRegion, cancellationToken), cancellationToken);
            var first = await AskAsync();
            if (first is not SignInOutcome.RegisterFirst unknown)
            {
                return await FinishAsync(run, first, "", AskAsync, cancellationToken);
            }

            return Terminal.Interactive && run.Terminal.Confirm("No account has this identity yet. Create one?", preset: true)
                ? await RegisterAsync(run, options, unknown.Registration, cancellationToken)
                : throw new StepNeededException($"No account has this identity yet. Run kpm create-account --with {provider}, or sign in with your password and run kpm identities link {provider}.");
        }

        var hint = await ChooseHintAsync(run, cancellationToken);
        var email = hint is null ? run.Value(Email) ?? run.Terminal.Ask("E-mail address", "--email") : null;
        var password = run.Terminal.Secret("Account password");
        async Task<SignInOutcome> TryAsync() => await SecurityChecks.PassAsync(
            run,
            email,
            async answer =>
            {
                var outcome = hint is null
                    ? await run.Client.SignIn.WithPasswordAsync(email!, password, answer, cancellationToken)
                    : await run.Client.SignIn.WithHintAsync(hint, password, answer, cancellationToken);
                return (outcome, (outcome as SignInOutcome.CheckRequired)?.Check);
            },
            cancellationToken);
        return await FinishAsync(run, await TryAsync(), password, TryAsync, cancellationToken);
    }

    /// <summary>Offers the accounts of other apps of this device, where no address was given.</summary>
    private static async Task<SignInHint?> ChooseHintAsync(Invocation run, CancellationToken cancellationToken)
    {
        if (run.Value(Email) is not null || (!Terminal.Interactive && !run.Value(Hint)))
        {
            return null;
        }

        var hints = await run.Client.SignIn.GetHintsAsync(cancellationToken);
        if (run.Value(Hint))
        {
            return hints.Count > 0 ? hints[0] : throw new StepNeededException("No other app of this device is signed in. Give --email.");
        }

        return hints.Count == 0 ? null : run.Terminal.Choose(
            "Sign in to",
            hints.Append(new SignInHint()),
            choice => choice.Hint.Length == 0 ? "another account" : $"{choice.MaskedEmail} (signed in with {choice.ApplicationId})") is { Hint.Length: > 0 } chosen ? chosen : null;
    }

    /// <summary>Takes the steps that are left until this device is connected, and opens the vault.</summary>
    private static async Task<int> FinishAsync(Invocation run, SignInOutcome outcome, string password, Func<Task<SignInOutcome>> again, CancellationToken cancellationToken)
    {
        while (true)
        {
            switch (outcome)
            {
                case SignInOutcome.SignedIn signedIn:
                    return await OpenVaultAsync(run, signedIn, password, cancellationToken);
                case SignInOutcome.TwoStepRequired two:
                    outcome = await CompleteTwoStepAsync(run, two.Step, cancellationToken);
                    break;
                case SignInOutcome.DeletionScheduled scheduled:
                    if (!run.Value(Keep) && !(Terminal.Interactive && run.Terminal.Confirm($"This account is going to be deleted on {scheduled.DeletesAt:yyyy-MM-dd}. Keep it?", preset: true)))
                    {
                        throw new StepNeededException($"This account is going to be deleted on {scheduled.DeletesAt:yyyy-MM-dd}. Run kpm sign-in --keep to keep it.");
                    }

                    await run.Client.Recovery.KeepAccountAsync(scheduled.Token, cancellationToken);
                    run.Terminal.Note("The account stays.");
                    outcome = await again();
                    break;
                default:
                    throw new StepNeededException("No account has this identity yet. Run kpm create-account.");
            }
        }
    }

    private static async Task<SignInOutcome> CompleteTwoStepAsync(Invocation run, TwoStepRequired step, CancellationToken cancellationToken)
    {
        bool? trust = null;
        while (true)
        {
            var factor = await SecondFactors.AskAsync(
                run, [.. step.Methods], null, answer => run.Client.TwoStep.SendCodeAsync(step.Ticket, answer, cancellationToken), cancellationToken);
            trust ??= run.Value(Trust) || (Terminal.Interactive && run.Terminal.Confirm("Trust this device for 30 days?", preset: false));
            try
            {
                return await run.Client.TwoStep.CompleteAsync(step.Ticket, factor, trust.Value, cancellationToken);
            }
            catch (ServerException wrong) when (Terminal.Interactive && wrong.Reason == ErrorReason.SecondFactorInvalid)
            {
                run.Terminal.Note("That code is wrong, used or expired.");
            }
        }
    }

    private static async Task<int> OpenVaultAsync(Invocation run, SignInOutcome.SignedIn signedIn, string password, CancellationToken cancellationToken)
    {
        var (account, device) = (signedIn.Account, run.Client.DeviceId.ToString("D"));
        if (signedIn.KeysHeldUntil is { } until && !run.Client.HasLocalVault)
        {
            run.Terminal.Answer(
                $"Signed in as {account.Email}. The vault stays closed on this device until {until:u}, since the password was reset by mail. "
                    + "To open it now, run kpm devices approve on a device that was connected before, or kpm devices approve --this with a second factor here.",
                new JsonObject { ["account_id"] = account.AccountId, ["device_id"] = device, ["keys_held_until"] = until });
            return ExitCodes.Done;
        }

        using var vault = await run.Client.HasVaultAsync(cancellationToken)
            ? await run.Client.UnlockAsync(run.Terminal.Secret("Main password"), cancellationToken)
            : await run.Client.CreateVaultAsync(run.NewMainPassword(password.Length == 0 ? null : password, [account.Email]), password.Length == 0 ? null : password, cancellationToken);
        await vault.SyncAsync(_ => { }, cancellationToken);
        var status = vault.Status();
        run.Terminal.Answer(
            $"Signed in as {account.Email}. This device has the vault: {status.Items} items.",
            new JsonObject { ["account_id"] = account.AccountId, ["device_id"] = device, ["items"] = status.Items, ["seq"] = status.Seq });
        return ExitCodes.Done;
    }

    private static async Task<int> SignOutAsync(Invocation run, CancellationToken cancellationToken)
    {
        var everywhere = run.Value(Everywhere);
        await run.Client.SignIn.SignOutAsync(everywhere, cancellationToken);
        run.Terminal.Answer(everywhere ? "Signed out on all devices." : "Signed out.", new JsonObject { ["signed_out"] = true, ["everywhere"] = everywhere });
        return ExitCodes.Done;
    }

    private static string Locale => CultureInfo.CurrentUICulture.Name is { Length: > 0 } name ? name : "en";

    private static string RegionOf(Invocation run) => run.Value(Region)?.ToUpperInvariant() ?? "";

    private static string PreferredLanguage(IEnumerable<string> languages, string locale)
    {
        var known = languages.ToList();
        return known.Find(language => locale.Equals(language, StringComparison.OrdinalIgnoreCase) || locale.StartsWith(language + "-", StringComparison.OrdinalIgnoreCase)) ?? known[0];
    }
}
