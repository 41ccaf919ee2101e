using System.Net;
using System.Net.Sockets;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Tests.Faults;

/// <summary>A server that can't start says in one line what is wrong and what to do, and exits with an error.</summary>
public sealed class StartFaultTests : IDisposable
{
    private readonly Storage.TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private string Data => _folder.File("data");

    private string Database => Path.Combine(Data, "kpm.db");

    public static TheoryData<string, string> BadArguments() => new()
    {
        { "--frobnicate", "--frobnicate" },
        { "--listen", "--listen" },
        { "--listen nonsense", "nonsense" },
        { "--listen http://127.0.0.1:99999", "99999" },
        { "--listen ftp://127.0.0.1:0", "ftp" },
        { "surplus", "surplus" },
    };

    public static TheoryData<string, string> BadSettings() => new()
    {
        { "Kpm__PasswordHash__Cost", "99" },
        { "Kpm__PasswordHash__Cost", "many" },
        { "Kpm__Limits__AccessTokenLifetime", "-00:00:01" },
        { "Kpm__Limits__AccessTokenLifetime", "soon" },
        { "Kpm__Limits__MessageBytes", "0" },
        { "Kpm__Mail__SmtpPort", "70000" },
        { "Kpm__Mail__From", "nobody" },
        { "Kpm__Frobnicate", "1" },
        { "Kpm__Limits__DevicesPageSize", "-1" },
    };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_port_in_use()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        await RefusedAsync(["--listen", $"http://127.0.0.1:{port}"], port.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task A_data_folder_below_a_file()
    {
        await File.WriteAllTextAsync(_folder.File("occupied"), "a file", Cancelled);

        await RefusedAsync([], "occupied", data: Path.Combine(_folder.File("occupied"), "data"));
    }

    [Fact]
    public async Task A_data_folder_that_not_even_root_can_write() => await RefusedAsync([], "/proc/kpm-data", data: "/proc/kpm-data");

    [Fact]
    public async Task A_database_that_is_a_folder()
    {
        await MakeDatabaseAsync();
        File.Delete(Database);
        Directory.CreateDirectory(Database);

        await RefusedAsync([], Data);
    }

    [Fact]
    public async Task A_schema_of_a_newer_version()
    {
        await MakeDatabaseAsync();
        Execute("INSERT INTO schema_migration (number, name, hash, applied_at) SELECT max(number) + 1, 'future', 'f00d', 0 FROM schema_migration");

        await RefusedAsync([], "newer version");
    }

    [Fact]
    public async Task A_migration_that_was_changed()
    {
        await MakeDatabaseAsync();
        Execute("UPDATE schema_migration SET hash = 'f00d' WHERE number = 1");

        await RefusedAsync([], "differs");
    }

    [Fact]
    public async Task A_database_with_a_damaged_header()
    {
        await MakeDatabaseAsync();
        Overwrite(0, 100);

        await RefusedAsync([], "damaged");
    }

    [Fact]
    public async Task A_database_with_a_damaged_schema()
    {
        await MakeDatabaseAsync();
        Overwrite(100, 3_996);

        await RefusedAsync([], "damaged");
    }

    [Fact]
    public async Task A_database_whose_other_pages_are_damaged()
    {
        await MakeDatabaseAsync();
        Overwrite(4_096, (int)new FileInfo(Database).Length - 4_096);

        await RefusedAsync([], "damaged");
    }

    [Fact]
    public async Task A_missing_root_key()
    {
        await MakeDatabaseAsync();
        File.Delete(Path.Combine(Data, "root.key"));

        await RefusedAsync([], "root.key");
        Assert.False(File.Exists(Path.Combine(Data, "root.key")), "a new key would make every password and session worthless");
    }

    [Fact]
    public async Task A_damaged_root_key()
    {
        await MakeDatabaseAsync();
        var secret = await File.ReadAllTextAsync(Path.Combine(Data, "root.key"), Cancelled);
        await File.WriteAllTextAsync(Path.Combine(Data, "root.key"), secret[..^10], Cancelled);

        var line = await RefusedAsync([], "root.key");
        Assert.DoesNotContain(secret[..^10].Trim()[20..], line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_server_on_the_same_folder_ends_and_the_first_goes_on()
    {
        await using var first = await ServerProcess.StartAsync(Data, Cancelled);

        await RefusedAsync([], Data);

        Assert.False(first.HasExited);
        await first.WaitUntilReadyAsync(Cancelled);
    }

    [Fact]
    public async Task A_killed_servers_lock_is_gone_with_it()
    {
        await using (var first = await ServerProcess.StartAsync(Data, Cancelled))
        {
            await first.KillAsync();
        }

        await using var second = await ServerProcess.StartAsync(Data, Cancelled);
        await second.WaitUntilReadyAsync(Cancelled);
    }

    [Theory]
    [MemberData(nameof(BadArguments))]
    public async Task A_wrong_argument(string arguments, string named) => await RefusedAsync(arguments.Split(' '), named);

    [Theory]
    [MemberData(nameof(BadSettings))]
    public async Task A_wrong_setting(string name, string value) =>
        await RefusedAsync([], name.Split("__")[^1], settings: new Dictionary<string, string>(StringComparer.Ordinal) { [name] = value });

    private async Task<string> RefusedAsync(string[] arguments, string named, string? data = null, Dictionary<string, string>? settings = null)
    {
        string[] listen = arguments.Contains("--listen", StringComparer.Ordinal) ? [] : ["--listen", "http://127.0.0.1:0"];
        var (exitCode, output, errors) = await ServerProcess.RunToEndAsync(data ?? Data, [.. listen, .. arguments], Cancelled, settings);

        var line = Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.NotEqual(0, exitCode);
        Assert.Contains(named, line, StringComparison.Ordinal);
        Assert.True(line.TrimEnd().EndsWith('.'), $"no sentence: {line}");
        foreach (var leak in (string[])["   at ", "Exception", "--->", "StackTrace"])
        {
            Assert.DoesNotContain(leak, errors + output, StringComparison.Ordinal);
        }

        return line;
    }

    private async Task MakeDatabaseAsync()
    {
        await using var server = await ServerProcess.StartAsync(Data, Cancelled);
        await new TestDevice(TestDevice.NewEmail()).RegisterAsync(server.Connect(), Cancelled);
        Assert.Equal(0, await server.StopAsync(Cancelled));
    }

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Database, Pooling = false }.ConnectionString);
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // constants of this file
        command.CommandText = sql;
#pragma warning restore CA2100
        Assert.Equal(1, command.ExecuteNonQuery());
    }

    private void Overwrite(int offset, int length)
    {
        Assert.True(length > 0);
        var noise = new byte[length];
        new Random(7).NextBytes(noise);
        using var file = File.OpenWrite(Database);
        file.Position = offset;
        file.Write(noise);
    }
}
