using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Grpc.Core;
using Grpc.Net.Client;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>The server as an operator runs it: a process of its own, with its data in a folder.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = [];
    private readonly ConcurrentQueue<string> _errors = [];
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<GrpcChannel> _channels = [];

    private ServerProcess(Process process, string dataFolder)
    {
        _process = process;
        DataFolder = dataFolder;
        process.OutputDataReceived += (_, e) => OnLine(_output, e.Data);
        process.ErrorDataReceived += (_, e) => OnLine(_errors, e.Data);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => _address.TrySetException(new InvalidOperationException("The server ended before it listened."));
    }

    public string DataFolder { get; }

    public Uri Address { get; private set; } = new("http://127.0.0.1");

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Everything that the process has written so far.</summary>
    public string Output => string.Join('\n', _output.Concat(_errors));

    public string Errors => string.Join('\n', _errors);

    public long ResidentBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{_process.Id}/status").Single(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
            return long.Parse(Digits().Match(line).Value, System.Globalization.CultureInfo.InvariantCulture) * 1024;
        }
    }

    /// <summary>Starts the server and waits until it listens.</summary>
    public static async Task<ServerProcess> StartAsync(string dataFolder, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? settings = null, string? shell = null)
    {
        var server = Launch(dataFolder, ["--listen", "http://127.0.0.1:0"], settings, shell);
        try
        {
            server.Address = await server._address.Task.WaitAsync(StartTimeout, cancellationToken);
            return server;
        }
        catch (Exception e)
        {
            var output = server.Output;
            await server.DisposeAsync();
            throw new InvalidOperationException($"The server did not start.\n{output}", e);
        }
    }

    /// <summary>Starts the server without waiting for anything.</summary>
    public static ServerProcess Launch(string dataFolder, string[] arguments, IReadOnlyDictionary<string, string>? settings = null, string? shell = null, string[]? command = null)
    {
        string[] server = [Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", Path.Combine(AppContext.BaseDirectory, "Kpm.Server.dll"), .. command ?? [], "--data", dataFolder, .. arguments];
        // With a shell line in front, for limits that only a shell can set; exec keeps the process id.
        string[] program = shell is null ? server : ["/bin/sh", "-c", shell + "; exec \"$@\"", "sh", .. server];
        var start = new ProcessStartInfo(program[0], program[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        start.Environment["DOTNET_ENVIRONMENT"] = start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";
        foreach (var (name, value) in Contract.TestSettings.Concat(settings ?? new Dictionary<string, string>(StringComparer.Ordinal)))
        {
            start.Environment[name] = value;
        }

        var process = new Process { StartInfo = start };
        var result = new ServerProcess(process, dataFolder);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return result;
    }

    /// <summary>Runs the program until it ends by itself; for starts that must fail, and for the server's commands.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunToEndAsync(
        string dataFolder, string[] arguments, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? settings = null, string[]? command = null)
    {
        await using var server = Launch(dataFolder, arguments, settings, command: command);
        return (await server.WaitForExitAsync(cancellationToken), string.Join('\n', server._output), server.Errors);
    }

    /// <summary>A channel with connections of its own, whose every error is checked for its form.</summary>
    public CallInvoker Connect()
    {
        var channel = GrpcChannel.ForAddress(Address);
        lock (_channels)
        {
            _channels.Add(channel);
        }

        return BadInput.ConformanceInterceptor.On(channel);
    }

    public async Task WaitUntilReadyAsync(CancellationToken cancellationToken) =>
        await new AccountService.AccountServiceClient(Connect()).GetSignInOptionsAsync(
            new GetSignInOptionsRequest { Locale = "de-DE" }, deadline: DateTime.UtcNow + StartTimeout, cancellationToken: cancellationToken);

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, as a service manager does.</summary>
    public async Task<int> StopAsync(CancellationToken cancellationToken)
    {
        using var kill = Process.Start("/bin/kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellationToken);
        return await WaitForExitAsync(cancellationToken);
    }

    /// <summary>Until the process has ended by itself.</summary>
    public async Task<int> WaitForExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken).WaitAsync(StartTimeout, cancellationToken);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }

        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private void OnLine(ConcurrentQueue<string> lines, string? line)
    {
        if (line is null)
        {
            return;
        }

        lines.Enqueue(line);
        if (ReferenceEquals(lines, _output) && ListenAddress().Match(line) is { Success: true } match)
        {
            _address.TrySetResult(new Uri(match.Groups[1].Value));
        }
    }

    [GeneratedRegex(@"listens at (http://127\.0\.0\.1:\d+)")]
    private static partial Regex ListenAddress();

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();
}
