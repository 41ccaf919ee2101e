using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>The server with a real OpenID provider beside it (tests/parts/openid.mjs), and a browser without a window.</summary>
public sealed class ProviderServer : RealServer
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private Process? _providers;
    private JsonNode? _ready;

    /// <summary>What stands for the person's browser.</summary>
    public static string Browser => Path.Combine(Parts, "visit.mjs");

    private static string Parts
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "Kpm.Grpc.sln")))
            {
                folder = folder.Parent!;
            }

            return Path.Combine(folder.FullName, "tests", "parts");
        }
    }

    protected override IEnumerable<string> Options
    {
        get
        {
            yield return "--Kpm:Identity:AllowLoopbackIssuers=true";
            foreach (var id in new[] { "google", "facebook" })
            {
                var secret = NewFile(".secret");
                File.WriteAllText(secret, $"secret-of-{id}");
                yield return $"--Kpm:Identity:Providers:{id}:Kind={id}";
                yield return $"--Kpm:Identity:Providers:{id}:Issuer={(string)_ready!["providers"]![id]!["issuer"]!}";
                yield return $"--Kpm:Identity:Providers:{id}:ClientId=kpm-{id}";
                yield return $"--Kpm:Identity:Providers:{id}:ClientSecretFile={secret}";
            }
        }
    }

    public override async ValueTask InitializeAsync()
    {
        _providers = Process.Start(new ProcessStartInfo("node", ["openid.mjs"])
        {
            WorkingDirectory = Parts,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = _providers.StandardError.ReadToEndAsync();
        var line = await _providers.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        _ready = line is null ? throw new InvalidOperationException("openid.mjs did not start. Run npm ci in tests/parts. " + await errors) : JsonNode.Parse(line);
        await base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _providers!.StandardInput.Close();
        await _providers.WaitForExitAsync().WaitAsync(Patience);
        _providers.Dispose();
        _turn.Dispose();
    }

    /// <summary>A person whom the providers know, with what they tell about them.</summary>
    public async Task<string> PersonAsync(object claims)
    {
        var sub = $"person-{Guid.NewGuid():N}";
        await _turn.WaitAsync();
        try
        {
            await _providers!.StandardInput.WriteLineAsync(JsonSerializer.Serialize(new { @do = "person", sub, claims }));
            await _providers.StandardInput.FlushAsync();
            Assert.NotNull(await _providers.StandardOutput.ReadLineAsync().WaitAsync(Patience));
            return sub;
        }
        finally
        {
            _turn.Release();
        }
    }
}
