namespace Kpm.Server.Administration;

/// <summary>The program when its first word is a command.</summary>
internal static class AdminProgram
{
    /// <summary>Every command, as --help shows it; a test compares them with those that are registered.</summary>
    public static IReadOnlyList<AdminSyntax> Commands { get; } = [AddOperator.Shape, ListOperators.Shape, RemoveOperator.Shape, Secrets.RotateKey.Shape, Secrets.RetireKeys.Shape, Vaults.VaultsRestored.Shape];

    public static bool IsCommand(string[] args) => args.Length > 0 && !args[0].StartsWith('-');

    /// <summary>Runs <c>WORDS… [--option VALUE]…</c> and prints the answer.</summary>
    /// <exception cref="StartException">An option is bad, or the data folder can't be reached.</exception>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        string[] line = [.. args.TakeWhile(a => !a.StartsWith("--", StringComparison.Ordinal))];
        if (!Commands.Any(c => c.Matches(line)))
        {
            await error.WriteLineAsync(Explain(line));
            return AdminExit.Usage;
        }

        var answer = await AdminClient.RunAsync(CommandLine.Read(args[line.Length..]), line, TimeProvider.System, cancellationToken);
        await (answer.ExitCode == AdminExit.Done ? output : error).WriteLineAsync(answer.ExitCode == AdminExit.Done ? answer.Text : "kpm-server: " + answer.Text);
        return answer.ExitCode;
    }

    private static string Explain(string[] line) => Commands.FirstOrDefault(c => c.Names(line)) is { } known
        ? $"kpm-server: write it like this: kpm-server {known.Name} {known.Arguments}".TrimEnd()
        : $"kpm-server: there is no command \"{string.Join(' ', line)}\". kpm-server --help lists the commands.";
}
