using System.CommandLine;
using System.CommandLine.Parsing;
using System.Reflection;
using Kpm.Client;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>The command line: global options, the commands, and one place where errors become text and exit codes.</summary>
internal sealed class KpmCommand
{
    private static readonly Uri DefaultServer = new("http://127.0.0.1:5080");

    private readonly Terminal _terminal;
    private readonly TimeProvider _time;
    private readonly Option<Uri?> _server = new("--server") { Description = "The server (KPM_SERVER; else the one that is signed in at, else http://127.0.0.1:5080)", Recursive = true, CustomParser = ParseServer };
    private readonly Option<string?> _data = new("--data") { Description = "The data folder (KPM_DATA; else a folder of the user)", Recursive = true };
    private readonly Option<string?> _sharedKey = new("--shared-key") { Description = "The file of the key that the apps of this device share (KPM_SHARED_KEY; else a file of the user; \"off\" for none)", Recursive = true };
    private readonly Option<bool> _json = new("--json") { Description = "Answers as JSON, one value a line", Recursive = true };

    private KpmCommand(Terminal terminal, TimeProvider time)
    {
        _terminal = terminal;
        _time = time;
    }

    public static async Task<int> RunAsync(string[] args, Terminal terminal, TimeProvider time)
    {
        var command = new KpmCommand(terminal, time);
        var root = command.Build();
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            terminal.Note(parsed.Errors[0].Message + " See kpm --help.");
            return ExitCodes.Usage;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    /// <summary>Makes a command's action: opens the client, and turns errors into text.</summary>
    public Command Command(string name, string description, Func<Invocation, CancellationToken, Task<int>> action)
    {
        var command = new Command(name, description);
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, action, cancellationToken));
        return command;
    }

    /// <summary>The whole command line, for those who ask what it has.</summary>
    internal static RootCommand Describe() => new KpmCommand(new Terminal(), TimeProvider.System).Build();

    private RootCommand Build()
    {
        var description = $"kpm: your vault, encrypted and signed on this device.{Environment.NewLine}{Environment.NewLine}"
            + "Secrets are asked for without echo. Where standard input is not a terminal they are read from it, one a line, in the order that each command states."
            + $"{Environment.NewLine}{Environment.NewLine}{ExitCodes.Help}";
        var root = new RootCommand(description) { _server, _data, _sharedKey, _json };
        IEnumerable<Command> commands =
        [
            .. SignInCommands.All(this), .. AccountCommands.All(this), .. DeviceCommands.All(this), .. TwoStepCommands.All(this), .. IdentityCommands.All(this),
            .. SecurityCommands.All(this), .. ItemCommands.All(this), .. FileCommands.All(this), .. RevisionCommands.All(this), .. SyncCommands.All(this),
            .. KeyCommands.All(this), .. SupportCommands.All(this),
        ];
        foreach (var command in commands)
        {
            root.Add(command);
        }

        return root;
    }

    /// <summary>Makes the action of a command that needs neither a data folder nor an account.</summary>
    public Command PlainCommand(string name, string description, Func<ParseResult, Terminal, CancellationToken, Task<int>> action)
    {
        var command = new Command(name, description);
        command.SetAction((parsed, cancellationToken) => GuardAsync(parsed, _ => action(parsed, _terminal, cancellationToken), cancellationToken));
        return command;
    }

    /// <summary>A command that only holds others; alone it shows its help.</summary>
    public static Command Group(string name, string description, params Command[] commands)
    {
        var group = new Command(name, description);
        foreach (var command in commands)
        {
            group.Add(command);
        }

        return group;
    }

    private Task<int> RunAsync(ParseResult parsed, Func<Invocation, CancellationToken, Task<int>> action, CancellationToken cancellationToken) => GuardAsync(
        parsed,
        async useServer =>
        {
            var folder = parsed.GetValue(_data) ?? Environment.GetEnvironmentVariable("KPM_DATA") ?? DefaultFolder();
            var server = parsed.GetValue(_server) ?? ServerOfEnvironment() ?? KpmClient.ServerOf(folder) ?? DefaultServer;
            useServer(server);
            using var client = KpmClient.Open(Options(server, Path.GetFullPath(folder), SharedKeyFile(parsed)));
            return await action(new Invocation(parsed, client, Path.GetFullPath(folder), _terminal, _time), cancellationToken);
        },
        cancellationToken);

    /// <summary>The one place where errors become a sentence and an exit code.</summary>
    private async Task<int> GuardAsync(ParseResult parsed, Func<Action<Uri>, Task<int>> action, CancellationToken cancellationToken)
    {
        _terminal.Json = parsed.GetValue(_json);
        var server = DefaultServer;
        try
        {
            return await action(used => server = used);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCodes.Cancelled;
        }
        catch (Exception error) when (ErrorText.Of(error, server) is not null)
        {
            var (text, code) = ErrorText.Of(error, server)!.Value;
            _terminal.Note(text);
            return code;
        }
    }

    private KpmOptions Options(Uri server, string folder, string? sharedKeyFile) => new()
    {
        Server = server,
        DataFolder = folder,
        SharedKeyFile = sharedKeyFile,
        DeviceName = Environment.MachineName is { Length: > 0 and <= 100 } name ? name : "kpm",
        ApplicationId = "kpm-cli",
        ApplicationVersion = typeof(KpmCommand).Assembly.GetCustomAttribute<AssemblyFileVersionAttribute>()?.Version ?? "0",
        Platform = OperatingSystem.IsWindows() ? Platform.Windows : OperatingSystem.IsMacOS() ? Platform.Macos : Platform.Linux,
        Time = _time,
    };

    private static string DefaultFolder() =>
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "kpm");

    /// <summary>Beside the default data folder, not in the chosen one: apps with folders of their own share it.</summary>
    private string? SharedKeyFile(ParseResult parsed)
    {
        var chosen = parsed.GetValue(_sharedKey) ?? Environment.GetEnvironmentVariable("KPM_SHARED_KEY");
        return chosen is null or "" ? Path.Combine(DefaultFolder(), "shared-device.key") : chosen == "off" ? null : Path.GetFullPath(chosen);
    }

    private static Uri? ServerOfEnvironment() => Environment.GetEnvironmentVariable("KPM_SERVER") is { Length: > 0 } text
        ? ToServer(text) ?? throw new UsageException("KPM_SERVER must be an address such as https://vault.example.com.")
        : null;

    private static Uri? ParseServer(ArgumentResult result)
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        var server = ToServer(text);
        if (server is null)
        {
            result.AddError("--server must be an address such as https://vault.example.com or http://127.0.0.1:5080.");
        }

        return server;
    }

    /// <summary>An http or https address; null for anything else.</summary>
    public static Uri? ToServer(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var server) && (server.Scheme == Uri.UriSchemeHttp || server.Scheme == Uri.UriSchemeHttps) ? server : null;
}
