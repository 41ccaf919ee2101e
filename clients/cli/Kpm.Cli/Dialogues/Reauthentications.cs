using System.CommandLine;
using Kpm.Client.Accounts;
using Kpm.V1;

namespace Kpm.Cli.Dialogues;

/// <summary>Asks once more who is there, before something that a stolen session must not do.</summary>
internal static class Reauthentications
{
    public const string Input = "Standard input: account password, and with two-step verification a code.";

    /// <summary>Adds the options that a script needs.</summary>
    public static Command Reauthenticated(this Command command)
    {
        command.Add(Providers.With);
        command.Add(SecondFactors.Factor);
        return command;
    }

    /// <summary>Makes the call with a proof; a person may correct a wrong one.</summary>
    public static async Task<T> WithProofAsync<T>(this Invocation run, Func<Reauthentication, Task<T>> call, CancellationToken cancellationToken)
    {
        var account = (await run.Client.Account.GetAsync(cancellationToken)).Account;
        while (true)
        {
            var proof = await ProveAsync(run, account, cancellationToken);
            try
            {
                return await call(proof);
            }
            catch (ServerException wrong) when (Terminal.Interactive && wrong.Reason is ErrorReason.WrongCredentials or ErrorReason.SecondFactorInvalid)
            {
                run.Terminal.Note(wrong.Reason == ErrorReason.WrongCredentials ? "The account password is wrong." : "That code is wrong, used or expired.");
            }
        }
    }

    public static Task WithProofAsync(this Invocation run, Func<Reauthentication, Task> call, CancellationToken cancellationToken) => run.WithProofAsync(
        async proof =>
        {
            await call(proof);
            return true;
        },
        cancellationToken);

    private static async Task<Reauthentication> ProveAsync(Invocation run, Account account, CancellationToken cancellationToken)
    {
        var proof = run.Value(Providers.With) is null && account.HasPassword
            ? new Reauthentication { Password = run.Terminal.Secret("Account password") }
            : await ProveAtProviderAsync(run, cancellationToken);
        if (account.TwoStepEnabled)
        {
            var methods = SecondFactors.MethodsOf(await run.Client.TwoStep.GetSettingsAsync(cancellationToken));
            proof.SecondFactor = await SecondFactors.AskAsync(run, methods, account.Email, answer => run.Client.TwoStep.SendCodeAsync(answer, cancellationToken), cancellationToken);
        }

        return proof;
    }

    private static async Task<Reauthentication> ProveAtProviderAsync(Invocation run, CancellationToken cancellationToken)
    {
        var provider = run.Value(Providers.With);
        if (provider is null)
        {
            var identities = (await run.Client.Identities.ListAsync(cancellationToken)).Select(identity => identity.ProviderId).Distinct(StringComparer.Ordinal).ToList();
            provider = identities.Count == 1 || !Terminal.Interactive
                ? identities.FirstOrDefault() ?? throw new StepNeededException("The account has no password. Set one by mail: kpm password reset.")
                : run.Terminal.Choose("Prove who you are with", identities, identity => identity);
        }

        var credential = await Providers.AskAsync(run, provider, FederatedPurpose.Reauthenticate, "", cancellationToken);
        return await run.Client.Identities.ReauthenticateAsync(credential, cancellationToken);
    }
}
