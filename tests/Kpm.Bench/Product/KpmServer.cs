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
    private readonly ChildProcess _child;
    private readonly ScratchFolder _data;

    private KpmServer(ChildProcess child, ScratchFolder data, Uri address, string probe)
    {
        _child = child;
        _data = data;
        Address = address;
        Probe = new Probe(probe);
    }

    public Uri Address { get; }

    public ChildProcess Process => _child;

    public Probe Probe { get; }

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
        var probe = Path.Combine(data.Path, "probe");
        var start = new ProcessStartInfo("dotnet", [Path.GetFullPath(assembly), "--data", Path.Combine(data.Path, "data"), "--listen", "http://127.0.0.1:0"])
        {
            WorkingDirectory = data.Path,
            Environment =
            {
                ["Kpm__PasswordHash__Cost"] = "4",
                ["Kpm__Limits__AccessTokenLifetime"] = "02:00:00",
                ["DOTNET_STARTUP_HOOKS"] = typeof(KpmServer).Assembly.Location,
                [Probe.Variable] = probe,
            },
        };
        foreach (var (name, value) in settings)
        {
            start.Environment[name] = value;
        }

        try
        {
            var (child, address) = await ChildProcess.StartAsync(
                "kpm-server",
                start,
                line => ListeningOn().Match(line) is { Success: true } match ? new Uri(match.Value) : null,
                TimeSpan.FromSeconds(60),
                cancel);
            return new KpmServer(child, data, address, probe);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Probe.Dispose();
        await _child.DisposeAsync();
        _data.Dispose();
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:[1-9]\d*", RegexOptions.None, 1_000)]
    private static partial Regex ListeningOn();
}
