using System.Diagnostics;
using System.Text.RegularExpressions;
using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.V1;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>The server as a process of its own, on a free port, with a data folder of its own.</summary>
public partial class RealServer : IAsyncLifetime
{
    public const string AccountPassword = "Correct-Horse-7";
    public const string MainPasswordText = "violet-otter-climbs-72-stairs";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly string _folder = Directory.CreateTempSubdirectory("kpm-e2e-").FullName;
    private Process? _process;
    private string _listen = "127.0.0.1:0";

    public Uri Address { get; private set; } = new("http://127.0.0.1:0");

    public string DataFolder => Path.Combine(_folder, "server");

    public string MailFolder => Path.Combine(DataFolder, "mail");

    public virtual async ValueTask InitializeAsync() => await StartAsync();

    public virtual async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Options of the server beyond data and addresses.</summary>
    protected virtual IEnumerable<string> Options => [];

    /// <summary>A file of the test's own, not there yet.</summary>
    public string NewFile(string name) => Path.Combine(_folder, Guid.NewGuid().ToString("N") + name);

    /// <summary>A folder for a device, not there yet.</summary>
    public string NewFolder() => Path.Combine(_folder, "device-" + Guid.NewGuid().ToString("N"));

    /// <summary>Starts the server, at the same address as before.</summary>
    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { Built("src/Kpm.Server", "Kpm.Server.dll"), "--data", DataFolder, "--listen", _listen, "--pages", "127.0.0.1:0" }.Concat(Options))
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        var address = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        void Read(string? line)
        {
            if (line is not null && ListensAt().Match(line) is { Success: true } match)
            {
                address.TrySetResult(match.Value);
            }
        }

        _process.OutputDataReceived += (_, line) => Read(line.Data);
        _process.ErrorDataReceived += (_, line) => Read(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Address = new Uri(await address.Task.WaitAsync(Patience));
        _listen = Address.Authority;
    }

    /// <summary>What a command of the server's operator answers, such as operator add.</summary>
    public async Task<string> CommandAsync(params string[] words)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { Built("src/Kpm.Server", "Kpm.Server.dll") }.Concat(words).Append("--data").Append(DataFolder))
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
        await process.WaitForExitAsync().WaitAsync(Patience);
        return process.ExitCode == 0 ? output : throw new InvalidOperationException(await errors);
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill(entireProcessTree: true);
        }

        if (_process is not null)
        {
            await _process.WaitForExitAsync();
            _process.Dispose();
            _process = null;
        }
    }

    /// <summary>The newest activation code that was mailed to the address.</summary>
    public Task<string> CodeForAsync(string email) => FromMailAsync(email, Code());

    /// <summary>The token of this kind, such as "reset", in the newest mail to the address that has one.</summary>
    public Task<string> TokenForAsync(string email, string kind) => FromMailAsync(email, new Regex($"(kpm-{kind}-[A-Za-z0-9_-]{{40,}})"));

    /// <summary>What the pattern's group finds in the newest mail to the address in which it finds something.</summary>
    public async Task<string> FromMailAsync(string email, Regex pattern)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Patience; await Task.Delay(50))
        {
            var mails = Directory.Exists(MailFolder) ? Directory.GetFiles(MailFolder, "*.eml").OrderDescending(StringComparer.Ordinal).Select(File.ReadAllText) : [];
            var found = mails.Where(text => text.Contains($"<{email}>", StringComparison.Ordinal)).Select(text => pattern.Match(Unfolded(text))).FirstOrDefault(match => match.Success);
            if (found is not null)
            {
                return found.Groups[1].Value;
            }
        }

        throw new TimeoutException($"No such mail came for {email}: {pattern}");
    }

    /// <summary>The newest digits that were sent by SMS to the number, other than those.</summary>
    public async Task<string> SmsForAsync(string number, string other = "")
    {
        var folder = Path.Combine(DataFolder, "sms");
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Patience; await Task.Delay(50))
        {
            var messages = Directory.Exists(folder) ? Directory.GetFiles(folder, "*.txt").OrderDescending(StringComparer.Ordinal).Select(File.ReadAllText) : [];
            if (messages.FirstOrDefault(text => text.StartsWith($"To: {number}\n", StringComparison.Ordinal)) is { } message && Digits().Match(message, message.IndexOf('\n', StringComparison.Ordinal)) is { Success: true } match && match.Value != other)
            {
                return match.Value;
            }
        }

        throw new TimeoutException($"No SMS came for {number}.");
    }

    /// <summary>Quoted-printable lines as they were; enough for text in ASCII.</summary>
    private static string Unfolded(string mail) => mail.Replace("\r\n", "\n", StringComparison.Ordinal).Replace("=\n", "", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal);

    public KpmClient Device(string? folder = null, string? sharedKeyFile = null) => KpmClient.Open(new KpmOptions
    {
        Server = Address,
        SharedKeyFile = sharedKeyFile,
        DataFolder = folder ?? NewFolder(),
        DeviceName = "test device",
        ApplicationId = "kpm-cli",
        ApplicationVersion = "1.0",
        Platform = Platform.Linux,
        Iterations = MainPassword.MinIterations,
    });

    /// <summary>An activated account whose vault this first device has made.</summary>
    public async Task<(string Email, OpenVault Vault)> AccountAsync(KpmClient device, CancellationToken cancellationToken)
    {
        var email = $"ada.{Guid.NewGuid():N}@example.com";
        var options = await device.Registration.GetSignInOptionsAsync("de-AT", "", cancellationToken);
        await device.Registration.CreateAccountAsync(
            new NewAccount
            {
                Email = email,
                Password = AccountPassword,
                PasswordConfirmation = AccountPassword,
                Region = options.SelectedRegion,
                Language = "de",
                MarketingConsent = false,
                ConsentVersion = options.MarketingConsent.Version,
            },
            null,
            cancellationToken);
        var vault = await device.CreateVaultAsync(MainPasswordText, AccountPassword, cancellationToken);
        await device.Registration.ActivateAsync(await CodeForAsync(email), null, cancellationToken);
        return (email, vault);
    }

    /// <summary>Connects the device, with no further step in between.</summary>
    public static async Task<Account> SignInAsync(KpmClient device, string email, CancellationToken cancellationToken) =>
        Assert.IsType<SignInOutcome.SignedIn>(await device.SignIn.WithPasswordAsync(email, AccountPassword, null, cancellationToken)).Account;

    /// <summary>What the build put beside its project, for the same configuration as this test.</summary>
    public static string Built(string project, string file)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var (framework, configuration) = (own.Name, own.Parent!.Name);
        var root = own;
        while (!File.Exists(Path.Combine(root.FullName, "Kpm.Grpc.sln")))
        {
            root = root.Parent!;
        }

        return Path.Combine(root.FullName, project, "bin", configuration, framework, file);
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex ListensAt();

    [GeneratedRegex(@"^    (\d{6})$", RegexOptions.Multiline)]
    private static partial Regex Code();

    [GeneratedRegex(@"\d{6,8}")]
    private static partial Regex Digits();
}
