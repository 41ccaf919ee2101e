using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Kpm.Server.Federation;
using Kpm.Server.Tests.Tidy;

namespace Kpm.Server.Tests.Federation;

/// <summary>
/// Real OpenID providers in a process of their own (tests/parts/openid.mjs): a certified implementation that stands for
/// Google, Apple, Facebook and another provider, each with the claims that it is documented to send.
/// </summary>
public sealed class OpenIdParts : IAsyncLifetime
{
    public const string Google = "google";
    public const string Apple = "apple";
    public const string Facebook = "facebook";
    public const string Other = "other";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static int _people;

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Storage.TempFolder _folder = new();
    private readonly Process _process;
    private readonly Dictionary<string, JsonArray> _keys = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _issuers = new(StringComparer.Ordinal);

    public OpenIdParts()
    {
        var start = new ProcessStartInfo("node", ["openid.mjs"])
        {
            WorkingDirectory = Path.Combine(Repository.Root, "tests", "parts"),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = new Process { StartInfo = start };
    }

    public async ValueTask InitializeAsync()
    {
        _process.Start();
        var errors = _process.StandardError.ReadToEndAsync();
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        Assert.True(line is not null, line is null ? "openid.mjs did not start. Run npm ci in tests/parts.\n" + await errors : "");
        var ready = JsonNode.Parse(line!)!;
        foreach (var (id, provider) in ready["providers"]!.AsObject())
        {
            _issuers[id] = provider!["issuer"]!.GetValue<string>();
            _keys[id] = provider["keys"]!.AsArray();
            await File.WriteAllTextAsync(_folder.File($"{id}.secret"), $"secret-of-{id}\n");
        }

        await File.WriteAllTextAsync(_folder.File("apple.p8"), ready["applePem"]!.GetValue<string>());
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            _process.Kill();
        }

        _process.Dispose();
        _folder.Dispose();
        _turn.Dispose();
    }

    public string IssuerOf(string provider) => _issuers[provider];

    public string SecretFileOf(string provider) => _folder.File($"{provider}.secret");

    /// <summary>A private signing key of the provider, for tokens that it would never sign.</summary>
    public JsonObject KeyOf(string provider, string algorithm = "RS256") => _keys[provider].Select(k => k!.AsObject()).Single(k => k["alg"]!.GetValue<string>() == algorithm);

    /// <summary>A person whom the providers know, with what they tell about them.</summary>
    public async Task<string> PersonAsync(object claims)
    {
        var sub = $"person-{Interlocked.Increment(ref _people)}";
        await DoAsync(new { @do = "person", sub, claims });
        return sub;
    }

    public Task TellAsync(string sub, object claims) => DoAsync(new { @do = "person", sub, claims });

    /// <summary>The provider signs with new keys from now on, and no longer publishes the former ones.</summary>
    public async Task RotateAsync(string provider) => _keys[provider] = (await DoAsync(new { @do = "rotate", provider }))["keys"]!.AsArray();

    /// <summary>ok, down, hang, redirect, huge or broken.</summary>
    public Task ModeAsync(string provider, string mode) => DoAsync(new { @do = "mode", provider, mode });

    /// <summary>How often the provider's token endpoint was called.</summary>
    public async Task<int> TokenCallsAsync(string provider) => (await DoAsync(new { @do = "tokens", provider }))["tokens"]!.GetValue<int>();

    /// <summary>The options of a server that has the four providers.</summary>
    internal ServerOptions Configure(ServerOptions options) => options with
    {
        Identity = new IdentityOptions
        {
            AllowLoopbackIssuers = true,
            Providers = new Dictionary<string, ProviderOptions>(StringComparer.Ordinal)
            {
                [Google] = Provider(Google, ProviderKind.Google),
                [Facebook] = Provider(Facebook, ProviderKind.Facebook),
                [Other] = Provider(Other, ProviderKind.OpenId) with { Name = "Example ID", EmailsVerified = true, ExcludedRegions = ["CH"] },
                [Apple] = Provider(Apple, ProviderKind.Apple) with
                {
                    ClientSecretFile = "",
                    TeamId = "TEAMID1234",
                    KeyId = "KEYID12345",
                    PrivateKeyFile = _folder.File("apple.p8"),
                    RedirectUris = [AppleRedirect],
                },
            },
        },
    };

    /// <summary>Apple takes no loopback address; here it stands for the address of an operator's page.</summary>
    public const string AppleRedirect = "http://127.0.0.1/callback";

    public static string ClientOf(string provider) => $"kpm-{provider}";

    public static string MobileClientOf(string provider) => $"kpm-{provider}-mobile";

    private ProviderOptions Provider(string id, ProviderKind kind) => new()
    {
        Kind = kind,
        Issuer = IssuerOf(id),
        ClientId = ClientOf(id),
        ClientSecretFile = SecretFileOf(id),
        Audiences = [MobileClientOf(id)],
    };

    private async Task<JsonNode> DoAsync(object command)
    {
        await _turn.WaitAsync();
        try
        {
            await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(command));
            await _process.StandardInput.FlushAsync();
            var answer = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
            return JsonNode.Parse(answer ?? throw new InvalidOperationException("openid.mjs has ended."))!;
        }
        finally
        {
            _turn.Release();
        }
    }
}
