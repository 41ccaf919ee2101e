namespace Kpm.Server.Administration;

/// <summary>How a command is written: its words, what follows them, and what it does.</summary>
internal sealed record AdminSyntax(string Name, string Arguments, string Help)
{
    public IReadOnlyList<string> Words { get; } = Name.Split(' ');

    private int ArgumentCount => Arguments.Length == 0 ? 0 : Arguments.Split(' ').Length;

    /// <summary>True where the line begins with the command's words.</summary>
    public bool Names(IReadOnlyList<string> line) => line.Take(Words.Count).SequenceEqual(Words, StringComparer.Ordinal);

    /// <summary>True where the line is the command with as many arguments as it takes.</summary>
    public bool Matches(IReadOnlyList<string> line) => Names(line) && line.Count == Words.Count + ArgumentCount;
}

/// <summary>What a command answers: the text goes to standard output for 0, to standard error otherwise.</summary>
internal sealed record AdminAnswer(int ExitCode, string Text)
{
    public static AdminAnswer Done(string text) => new(AdminExit.Done, text);

    public static AdminAnswer Refused(string text) => new(AdminExit.Refused, text);
}

/// <summary>Exit codes of the server's commands.</summary>
internal static class AdminExit
{
    public const int Done = 0;

    /// <summary>It could not be done; the text says why.</summary>
    public const int Refused = 1;

    /// <summary>The line is no command.</summary>
    public const int Usage = 2;
}

/// <summary>A command of whoever runs the server, such as <c>kpm-server operator add NAME</c>. Runs inside the process that holds the data folder.</summary>
internal interface IAdminCommand
{
    AdminSyntax Syntax { get; }

    /// <param name="arguments">What follows the command's words; as many as the syntax says.</param>
    /// <param name="cancellationToken">Ends when the server stops.</param>
    Task<AdminAnswer> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken);
}
