using Kpm.Server.Administration;
using Kpm.Server.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Administration;

public sealed class AdminCommandsTests
{
    [Fact]
    public async Task Every_command_that_runs_is_shown_and_every_command_that_is_shown_runs()
    {
        await using var server = await TestServer.StartAsync();

        var running = server.Services.GetRequiredService<AdminCommands>().Syntaxes.Select(s => s.Name).Order(StringComparer.Ordinal);

        Assert.Equal(AdminProgram.Commands.Select(c => c.Name).Order(StringComparer.Ordinal), running);
        Assert.All(AdminProgram.Commands, c => Assert.Contains($"kpm-server {c.Name}", CommandLine.Usage, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("operator", "add", "maria")]
    [InlineData("operator", "add")]
    [InlineData("operator", "add", "maria", "huber")]
    [InlineData("add", "operator", "maria")]
    public void A_command_is_its_words_and_as_many_arguments_as_it_takes(params string[] line) =>
        Assert.Equal(line is ["operator", "add", "maria"], AddOperator.Shape.Matches(line));

    [Theory]
    [InlineData("what kpm-server is this?")]
    [InlineData("operator", "add")]
    public async Task A_line_that_is_no_command_changes_nothing(params string[] line)
    {
        await using var server = await TestServer.StartAsync();
        var before = Snapshot.Of(server.Database);

        var answer = await server.Services.GetRequiredService<AdminCommands>().RunAsync(line, CancellationToken.None);

        Assert.Equal(AdminExit.Usage, answer.ExitCode);
        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task A_command_that_fails_says_no_more_than_that_and_is_logged()
    {
        await using var server = await TestServer.StartAsync(adjust: s => s.AddSingleton<IAdminCommand>(new Broken()));

        var answer = await server.Services.GetRequiredService<AdminCommands>().RunAsync(["break"], CancellationToken.None);

        Assert.Equal(AdminAnswer.Refused("The command failed; the server's log says why."), answer);
        Assert.Contains("Command \"break\" failed", server.Logs.Text, StringComparison.Ordinal);
    }

    private sealed class Broken : IAdminCommand
    {
        public AdminSyntax Syntax { get; } = new("break", "", "fails");

        public Task<AdminAnswer> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken) => throw new InvalidOperationException("It is a secret why.");
    }
}
