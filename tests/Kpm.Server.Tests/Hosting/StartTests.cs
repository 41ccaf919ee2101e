using System.Diagnostics;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Kpm.Server.Tests.Storage;

namespace Kpm.Server.Tests.Hosting;

/// <summary>The program as a person starts it: its own process, its exit code, what it prints. Other faults: <see cref="Faults.StartFaultTests"/>.</summary>
public sealed class StartTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task It_says_where_it_listens_answers_and_stops_when_asked()
    {
        using var folder = new TempFolder();
        using var server = Start("--data", folder.File("data"), "--listen", "127.0.0.1:0");
        var banner = await ReadLineAsync(server, l => l.StartsWith("kpm-server listens at ", StringComparison.Ordinal));
        Assert.Contains(folder.File("data"), banner, StringComparison.Ordinal);
        using var channel = GrpcChannel.ForAddress(banner.Split(' ')[3].TrimEnd(','));

        var health = await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest(), deadline: DateTime.UtcNow + Patience);

        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
        using var kill = Process.Start("kill", ["-TERM", server.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await ExitAsync(server);
        Assert.Equal(0, server.ExitCode);
    }

    [Fact]
    public async Task An_address_that_the_machine_does_not_have()
    {
        using var folder = new TempFolder();

        await AssertRefusesAsync("The server can't listen at 192.0.2.1:5080", "--data", folder.File("data"), "--listen", "192.0.2.1:5080", "--allow-cleartext");
    }

    [Fact]
    public async Task A_root_key_of_another_database()
    {
        using var folder = new TempFolder();
        var key = folder.File("data/root.key");
        await using (var server = await TestServer.StartAsync(options: o => o with { Data = folder.File("data") }))
        {
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
            }
        }

        var right = await File.ReadAllTextAsync(key);
        await File.WriteAllTextAsync(key, "kpm-root-key-1:" + Convert.ToBase64String(new byte[32]));
        await AssertRefusesAsync("not the one that the database was made with", "--data", folder.File("data"));

        await File.WriteAllTextAsync(key, right);
        await using var again = await TestServer.StartAsync(options: o => o with { Data = folder.File("data") });
    }

    [Fact]
    public async Task A_certificate_that_is_none()
    {
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("x.pem"), "nonsense");

        await AssertRefusesAsync("can't be used", "--data", folder.File("data"), "--listen", "127.0.0.1:0", "--certificate", folder.File("x.pem"), "--certificate-key", folder.File("x.pem"));
    }

    /// <summary>One line on standard error, exit code 1, no stack trace.</summary>
    private static async Task AssertRefusesAsync(string says, params string[] args)
    {
        using var server = Start(args);
        var error = await server.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await ExitAsync(server);

        var line = Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("kpm-server: ", line, StringComparison.Ordinal);
        Assert.Contains(says, line, StringComparison.Ordinal);
        Assert.Equal(1, server.ExitCode);
    }

    private static Process Start(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Kpm.Server.dll"), .. args]) { RedirectStandardOutput = true, RedirectStandardError = true };
        return Process.Start(start) ?? throw new InvalidOperationException("dotnet could not be started.");
    }

    private static async Task<string> ReadLineAsync(Process server, Predicate<string> wanted)
    {
        using var timeout = new CancellationTokenSource(Patience);
        while (await server.StandardOutput.ReadLineAsync(timeout.Token) is { } line)
        {
            if (wanted(line))
            {
                return line;
            }
        }

        throw new InvalidOperationException("The server ended: " + await server.StandardError.ReadToEndAsync(timeout.Token));
    }

    private static async Task ExitAsync(Process server)
    {
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            await server.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException e)
        {
            server.Kill();
            throw new TimeoutException("The server did not end.", e);
        }
    }
}
