namespace Kpm.Server.Administration;

/// <summary>Finds and runs commands: for the socket of a running server, and for a command that holds the data folder itself.</summary>
internal sealed class AdminCommands(IEnumerable<IAdminCommand> commands, ILogger<AdminCommands> logger)
{
    private readonly IReadOnlyList<IAdminCommand> _commands = [.. commands];

    public IEnumerable<AdminSyntax> Syntaxes => _commands.Select(c => c.Syntax);

    public async Task<AdminAnswer> RunAsync(IReadOnlyList<string> line, CancellationToken cancellationToken)
    {
        if (_commands.FirstOrDefault(c => c.Syntax.Matches(line)) is not { } command)
        {
            return new AdminAnswer(AdminExit.Usage, "This server does not know the command; the program that was called may be another version.");
        }

        try
        {
            var answer = await command.RunAsync([.. line.Skip(command.Syntax.Words.Count)], cancellationToken);
            Log.CommandRan(logger, command.Syntax.Name, answer.ExitCode);
            return answer;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.CommandFailed(logger, command.Syntax.Name, e);
            return AdminAnswer.Refused("The command failed; the server's log says why.");
        }
    }
}
