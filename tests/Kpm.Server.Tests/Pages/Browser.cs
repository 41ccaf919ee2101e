using System.Text.Json;
using Kpm.Server.Tests.Hosting;

namespace Kpm.Server.Tests.Pages;

/// <summary>What to look at, and how.</summary>
internal sealed record Visit(string Url)
{
    public string Language { get; init; } = "en";
    public int Width { get; init; } = 1000;
    public int Height { get; init; } = 800;
    public bool Dark { get; init; }

    /// <summary>Scripts are on; the pages have none and work without.</summary>
    public bool Script { get; init; }
    public bool TrustAnyCertificate { get; init; }
    public IReadOnlyDictionary<string, string>? Fill { get; init; }
    public bool Submit { get; init; }
    public string? Screenshot { get; init; }
}

/// <summary>What the browser shows then.</summary>
internal sealed record Shown
{
    public required int Status { get; init; }
    public required string Url { get; init; }
    public required string Title { get; init; }
    public required string Heading { get; init; }
    public required string Text { get; init; }
    public required IReadOnlyList<string> Problems { get; init; }
    /// <summary>How many pixels the content is wider than the window.</summary>
    public required int Overflow { get; init; }
    public required IReadOnlyList<string> Console { get; init; }
    public required IReadOnlyList<string> Requests { get; init; }
}

/// <summary>Chromium, one for all tests of an assembly's class; each visit has a profile of its own.</summary>
public sealed class Browser : IAsyncLifetime
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly SemaphoreSlim _turn = new(1);
    private NodePart? _part;

    public async ValueTask InitializeAsync() => _part = await NodePart.StartAsync("browser.mjs");

    public async ValueTask DisposeAsync()
    {
        if (_part is { } part)
        {
            await part.DisposeAsync();
        }

        _turn.Dispose();
    }

    internal async Task<Shown> VisitAsync(Visit visit)
    {
        // Screenshots to look at are kept where the environment says.
        var folder = Environment.GetEnvironmentVariable("KPM_SCREENSHOTS");
        var order = folder is null ? visit with { Screenshot = null } : visit with { Screenshot = visit.Screenshot is null ? null : Path.Combine(folder, visit.Screenshot) };
        await _turn.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            var answer = await _part!.AskAsync(JsonSerializer.Serialize(order, Json));
            Assert.False(answer.TryGetProperty("error", out var error), error.ToString());
            return answer.Deserialize<Shown>(Json)!;
        }
        finally
        {
            _turn.Release();
        }
    }
}
