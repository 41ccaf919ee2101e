using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Kpm.Bench.Harness;

namespace Kpm.Bench.Product;

/// <summary>
/// The server as it is deployed: its own process, an empty data folder, default settings. Only the password hash is made
/// cheap (the devices have to sign in before anything can be measured), access tokens live longer than a run, and the mail
/// goes to files, where the bench reads the activation codes.
/// </summary>
internal sealed partial class KpmServer : IAsyncDisposable
{
    private readonly ScratchFolder _data;
    private readonly ProcessStartInfo _start;
    private ChildProcess _child;
    private Probe _probe;

    private KpmServer(ScratchFolder data, ProcessStartInfo start, ChildProcess child, Uri address)
    {
        _data = data;
        _start = start;
        _child = child;
        _probe = new Probe(ProbePath(data));
        Address = address;
    }

    public Uri Address { get; private set; }

    public ChildProcess Process => _child;

    public Probe Probe => _probe;

    public string MailFolder => Path.Combine(_data.Path, "data", "mail");

    public static Task<KpmServer> StartAsync(BenchOptions options, CancellationToken cancel) => StartAsync(options, [], cancel);

    /// <param name="options">The run's.</param>
    /// <param name="settings">Variables of the environment in place of the defaults above.</param>
    /// <param name="cancel">The run's.</param>
    public static async Task<KpmServer> StartAsync(BenchOptions options, Dictionary<string, string> settings, CancellationToken cancel)
    {
        var assembly = options.Server
            ?? typeof(KpmServer).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "KpmServer").Value!;
        var data = new ScratchFolder(options.Scratch, string.Create(CultureInfo.InvariantCulture, $"kpm-{Environment.TickCount64}"));
        var start = new ProcessStartInfo("dotnet", [Path.GetFullPath(assembly), "--data", Path.Combine(data.Path, "data"), "--listen", "http://127.0.0.1:0"])
        {
            WorkingDirectory = data.Path,
            Environment =
            {
                ["Kpm__PasswordHash__Cost"] = "4",
                ["Kpm__Limits__AccessTokenLifetime"] = "02:00:00",
                ["DOTNET_STARTUP_HOOKS"] = typeof(KpmServer).Assembly.Location,
                [Probe.Variable] = ProbePath(data),
            },
        };
        foreach (var (name, value) in settings)
        {
            start.Environment[name] = value;
        }

        try
        {
            var (child, address) = await StartAsync(start, cancel);
            return new KpmServer(data, start, child, address);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>Kills the process as it stands and starts it again on the same data.</summary>
    public async Task KillAndStartAsync(CancellationToken cancel)
    {
        _probe.Dispose();
        await _child.DisposeAsync();
        File.Delete(ProbePath(_data));
        (_child, Address) = await StartAsync(_start, cancel);
        _probe = new Probe(ProbePath(_data));
    }

    public async ValueTask DisposeAsync()
    {
        _probe.Dispose();
        await _child.DisposeAsync();
        _data.Dispose();
    }

    private static Task<(ChildProcess Child, Uri Address)> StartAsync(ProcessStartInfo start, CancellationToken cancel) => ChildProcess.StartAsync(
        "kpm-server",
        start,
        line => ListeningOn().Match(line) is { Success: true } match ? new Uri(match.Value) : null,
        TimeSpan.FromSeconds(60),
        cancel);

    private static string ProbePath(ScratchFolder data) => Path.Combine(data.Path, "probe");

    [GeneratedRegex(@"http://127\.0\.0\.1:[1-9]\d*", RegexOptions.None, 1_000)]
    private static partial Regex ListeningOn();
}
