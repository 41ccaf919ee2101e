using System.CommandLine;
using System.CommandLine.Parsing;
using System.Reflection;
using Kpm.Client;
using Kpm.Client.Accounts;
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

    private RootCommand Build()
    {
        var description = $"kpm: your vault, encrypted and signed on this device.{Environment.NewLine}{Environment.NewLine}"
            + "Secrets are asked for without echo. Where standard input is not a terminal they are read from it, one a line, in the order that each command states."
            + $"{Environment.NewLine}{Environment.NewLine}{ExitCodes.Help}";
        var root = new RootCommand(description) { _server, _data, _json };
        foreach (var command in AccountCommands.All(this).Concat(ItemCommands.All(this)).Concat(SyncCommands.All(this)))
        {
            root.Add(command);
        }

        return root;
    }

    private async Task<int> RunAsync(ParseResult parsed, Func<Invocation, CancellationToken, Task<int>> action, CancellationToken cancellationToken)
    {
        _terminal.Json = parsed.GetValue(_json);
        var server = DefaultServer;
        try
        {
            var folder = parsed.GetValue(_data) ?? Environment.GetEnvironmentVariable("KPM_DATA") ?? DefaultFolder();
            server = parsed.GetValue(_server) ?? ServerOfEnvironment() ?? KpmClient.ServerOf(folder) ?? DefaultServer;
            using var client = KpmClient.Open(Options(server, Path.GetFullPath(folder)));
            return await action(new Invocation(parsed, client, _terminal, _time), cancellationToken);
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

    private KpmOptions Options(Uri server, string folder) => new()
    {
        Server = server,
        DataFolder = folder,
        DeviceName = Environment.MachineName is { Length: > 0 and <= 100 } name ? name : "kpm",
        ApplicationId = "kpm-cli",
        ApplicationVersion = typeof(KpmCommand).Assembly.GetCustomAttribute<AssemblyFileVersionAttribute>()?.Version ?? "0",
        Platform = OperatingSystem.IsWindows() ? Platform.Windows : OperatingSystem.IsMacOS() ? Platform.Macos : Platform.Linux,
        Time = _time,
    };

    private static string DefaultFolder() =>
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "kpm");

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

    private static Uri? ToServer(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var server) && (server.Scheme == Uri.UriSchemeHttp || server.Scheme == Uri.UriSchemeHttps) ? server : null;
}

/// <summary>One run of a command.</summary>
internal sealed record Invocation(ParseResult Parsed, KpmClient Client, Terminal Terminal, TimeProvider Time)
{
    public string NewId() => Guid.CreateVersion7(Time.GetUtcNow()).ToString("D");

    public T? Value<T>(Option<T> option) => Parsed.GetValue(option);

    public T Value<T>(Argument<T> argument) => Parsed.GetRequiredValue(argument);

    /// <summary>Opens the vault with the main password; where there is none yet, lets the person choose one.</summary>
    public async Task<OpenVault> OpenVaultAsync(CancellationToken cancellationToken)
    {
        if (Client.Account.SignedInAs is null && !Client.HasLocalVault)
        {
            throw new SignedOutException();
        }

        if (await Client.HasVaultAsync(cancellationToken))
        {
            return await Client.UnlockAsync(Terminal.Secret("Main password"), cancellationToken);
        }

        return await Client.CreateVaultAsync(NewMainPassword(null, []), null, cancellationToken);
    }

    /// <summary>Asks for a new main password until it is a good one; from a script a bad one ends the command.</summary>
    public string NewMainPassword(string? accountPassword, IEnumerable<string> userInputs)
    {
        Terminal.Note("Choose the main password. It opens your vault, never leaves this device, and no one can restore it.");
        while (true)
        {
            var password = Terminal.NewSecret("New main password");
            var (problem, advice) = PasswordStrength.Judge(password, accountPassword, userInputs);
            if (problem == MainPasswordProblem.None)
            {
                return password;
            }

            if (Console.IsInputRedirected)
            {
                throw new UsageException($"The main password is refused. {advice}");
            }

            Terminal.Note($"The main password is refused. {advice}");
        }
    }
}
