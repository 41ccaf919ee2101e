using System.CommandLine;
using System.Text.RegularExpressions;
using Kpm.Cli;

namespace Kpm.Client.Tests.Cli;

/// <summary>What the documents let a person type is what kpm takes, and nothing of kpm is missing there.</summary>
public sealed partial class DocumentedCommandsTests
{
    private static readonly string Root = FindRoot();

    public static TheoryData<string, string> Lines()
    {
        var data = new TheoryData<string, string>();
        foreach (var file in new[] { "docs/cli.md", "README.md" })
        {
            foreach (Match block in Blocks().Matches(File.ReadAllText(Path.Combine(Root, file))))
            {
                foreach (var line in block.Groups[1].Value.Split('\n').Where(line => line.StartsWith("kpm ", StringComparison.Ordinal)))
                {
                    data.Add(file, line);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_documented_line_is_taken(string file, string line)
    {
        var parsed = KpmCommand.Describe().Parse(Words(line));
        Assert.True(parsed.Errors.Count == 0, $"{file}: {line}: {string.Join(' ', parsed.Errors.Select(error => error.Message))}");
        Assert.NotNull(parsed.CommandResult.Command.Action);
    }

    [Fact]
    public void Every_command_is_documented()
    {
        var documented = Lines().Where(row => row.Data.Item1 == "docs/cli.md").Select(row => KpmCommand.Describe().Parse(Words(row.Data.Item2)).CommandResult.Command).Select(PathOf).ToHashSet(StringComparer.Ordinal);
        var missing = Leaves(KpmCommand.Describe()).Select(PathOf).Where(path => !documented.Contains(path)).ToList();
        Assert.Empty(missing);
    }

    [Fact]
    public void No_command_takes_a_secret_as_an_argument()
    {
        var symbols = Leaves(KpmCommand.Describe()).SelectMany(command => command.Options.Select(option => option.Name).Concat(command.Arguments.Select(argument => argument.Name)));
        Assert.DoesNotContain(symbols, name => name.Contains("password", StringComparison.OrdinalIgnoreCase) || name.Contains("secret", StringComparison.OrdinalIgnoreCase) && name != "--secret-field");
    }

    /// <summary>The commands that do something; a group that lists by default counts, its "list" and "status" are the same again.</summary>
    private static IEnumerable<Command> Leaves(Command command) =>
        command.Subcommands.SelectMany(Leaves).Concat(command is RootCommand || command.Action is null || command.Name is "list" or "status" && command.Parents.Any(parent => parent is not RootCommand) ? [] : [command]);

    private static string PathOf(Command command)
    {
        var path = command.Name;
        for (var parent = command.Parents.OfType<Command>().FirstOrDefault(); parent is not (null or RootCommand); parent = parent.Parents.OfType<Command>().FirstOrDefault())
        {
            path = $"{parent.Name} {path}";
        }

        // The kinds of items share one way to be added.
        return path.StartsWith("add ", StringComparison.Ordinal) ? "add" : path;
    }

    /// <summary>A line as a shell cuts it, without its comment; ids stand where the documents say ACCOUNT and CASE.</summary>
    private static string[] Words(string line) =>
        [.. Word().Matches(line.Split(" #")[0]).Select(word => word.Value.Trim('"')).Select(word => word is "ACCOUNT" or "CASE" ? Guid.Empty.ToString("D") : word).Skip(1)];

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Kpm.Grpc.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Blocks();

    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex Word();
}
