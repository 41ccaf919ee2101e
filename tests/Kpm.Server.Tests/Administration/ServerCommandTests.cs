using Kpm.Server.Administration;
using Kpm.Server.Tests.Faults;
using Kpm.Server.Tests.Storage;

namespace Kpm.Server.Tests.Administration;

/// <summary>The commands as a person runs them: processes of their own, beside a server that runs, is stopped or was killed.</summary>
public sealed class ServerCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private string Data => _folder.File("data");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Operators_are_made_shown_and_removed_whether_the_server_runs_or_not()
    {
        await using (var server = await ServerProcess.StartAsync(Data, Cancelled))
        {
            var added = await RunAsync("operator", "add", "Maria Huber");
            Assert.Equal(AdminExit.Done, added.ExitCode);
            Assert.Matches("(?m)^kpm-operator-[A-Za-z0-9_-]{43}$", added.Output);
            Assert.Equal("", added.Errors);
            Assert.Contains("Maria Huber", (await RunAsync("operator", "list")).Output, StringComparison.Ordinal);
            Assert.DoesNotContain("kpm-operator-", server.Output, StringComparison.Ordinal);

            Assert.Equal((AdminExit.Refused, ""), await WithoutErrorsAsync("There is an operator maria huber already", "operator", "add", "maria huber"));
            await server.KillAsync();
        }

        // Its socket is still there, and nobody behind it.
        Assert.True(File.Exists(AdminWire.SocketPath(Data)));
        Assert.Equal(AdminExit.Done, (await RunAsync("operator", "add", "Ivan")).ExitCode);
        var listed = await RunAsync("operator", "list");
        Assert.Equal(3, listed.Output.Split('\n').Length);
        Assert.Equal(AdminExit.Done, (await RunAsync("operator", "remove", "MARIA HUBER")).ExitCode);
        Assert.Equal((AdminExit.Refused, ""), await WithoutErrorsAsync("There is no operator Maria Huber", "operator", "remove", "Maria Huber"));

        await using (await ServerProcess.StartAsync(Data, Cancelled))
        {
            var left = (await RunAsync("operator", "list")).Output;
            Assert.Contains("Ivan", left, StringComparison.Ordinal);
            Assert.DoesNotContain("Maria", left, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_folder_without_a_database_is_not_made_into_one()
    {
        Assert.Equal((AdminExit.Refused, ""), await WithoutErrorsAsync("There is no database in " + Data, "operator", "add", "Maria"));
        Assert.False(Directory.Exists(Data));
    }

    [Theory]
    [InlineData("there is no command \"operators\"", "operators")]
    [InlineData("there is no command \"operator revoke Maria\"", "operator", "revoke", "Maria")]
    [InlineData("kpm-server operator add NAME", "operator", "add")]
    [InlineData("kpm-server operator add NAME", "operator", "add", "Maria", "Huber")]
    public async Task A_line_that_is_no_command_is_explained(string says, params string[] line) =>
        Assert.Equal((AdminExit.Usage, ""), await WithoutErrorsAsync(says, line));

    /// <summary>Exit code and output of a command that says so on standard error.</summary>
    private async Task<(int ExitCode, string Output)> WithoutErrorsAsync(string says, params string[] line)
    {
        var (exitCode, output, errors) = await RunAsync(line);
        Assert.StartsWith("kpm-server: ", errors, StringComparison.Ordinal);
        Assert.Contains(says, errors, StringComparison.Ordinal);
        return (exitCode, output);
    }

    private Task<(int ExitCode, string Output, string Errors)> RunAsync(params string[] line) => ServerProcess.RunToEndAsync(Data, [], Cancelled, command: line);
}
