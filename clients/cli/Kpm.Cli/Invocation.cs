using System.CommandLine;
using Kpm.Client;
using Kpm.Client.Accounts;

namespace Kpm.Cli;

/// <summary>One run of a command.</summary>
internal sealed record Invocation(ParseResult Parsed, KpmClient Client, string Folder, Terminal Terminal, TimeProvider Time)
{
    public string NewId() => Guid.CreateVersion7(Time.GetUtcNow()).ToString("D");

    public T? Value<T>(Option<T> option) => Parsed.GetValue(option);

    public T Value<T>(Argument<T> argument) => Parsed.GetRequiredValue(argument);

    /// <summary>Opens the vault with the main password; where there is none yet, lets the person choose one.</summary>
    public async Task<OpenVault> OpenVaultAsync(CancellationToken cancellationToken)
    {
        if (Client.SignIn.SignedInAs is null && !Client.HasLocalVault)
        {
            throw new SignedOutException();
        }

        if (await Client.HasVaultAsync(cancellationToken))
        {
            return await Client.UnlockAsync(Terminal.Secret("Main password"), cancellationToken);
        }

        return await Client.CreateVaultAsync(NewMainPassword(null, []), null, cancellationToken);
    }

    /// <summary>Asks for a new main password until it is a good one; from a script a bad one ends the command.</summary>
    public string NewMainPassword(string? accountPassword, IEnumerable<string> userInputs)
    {
        Terminal.Note("Choose the main password. It opens your vault, never leaves this device, and no one can restore it.");
        while (true)
        {
            var password = Terminal.NewSecret("New main password");
            var (problem, advice) = PasswordStrength.Judge(password, accountPassword, userInputs);
            if (problem == MainPasswordProblem.None)
            {
                return password;
            }

            if (Console.IsInputRedirected)
            {
                throw new UsageException($"The main password is refused. {advice}");
            }

            Terminal.Note($"The main password is refused. {advice}");
        }
    }
}
