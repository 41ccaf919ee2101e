using System.Text.RegularExpressions;

namespace Kpm.Server.Tests.Tidy;

/// <summary>Style that can be checked is checked here, not remembered.</summary>
public sealed partial class SourceTests
{
    private const int MostLinesOfAFile = 500;

    private static readonly string[] Production = ["src", "clients"];

    /// <summary>Text that production code must not contain, and what to use instead.</summary>
    public static TheoryData<string, string> Banned() => new()
    {
        { @"\bDateTime(Offset)?\.(UtcNow|Now)\b", "TimeProvider.GetUtcNow()" },
        { @"\bGuid\.NewGuid\(", "Ids.New(TimeProvider)" },
        { @"\bnew Random\(|\bRandom\.Shared\b", "an injected source, or RandomNumberGenerator where it is a secret" },
        // A call, a declaration, a case of a oneof and the effect of that name wait for nothing.
        { @"(?<!SyncEffect)\.Result\b(?!\s*[{=(]|Case)", "await" },
        { @"\.Wait\(\)", "await" },
        { @"\.GetAwaiter\(\)\.GetResult\(\)", "await" },
        { @"\b(FIXME|TODO|HACK|XXX)\b", "do it, or open an issue" },
        { @"\bNotImplementedException\b", "declare only what works" },
        { @"#nullable disable", "nullable annotations" },
        { @"#pragma warning disable(?! [A-Z]+\d+.*//)", "a pragma that names its rule and, behind //, its reason" },
    };

    [Theory]
    [MemberData(nameof(Banned))]
    public void Production_code_keeps_away_from(string pattern, string insteadUse)
    {
        var regex = new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10));
        var hits = Repository.Sources(Production)
            .SelectMany(f => Lines(f).Where(l => regex.IsMatch(l.Text)).Select(l => $"{f}:{l.Number}: {l.Text.Trim()}"))
            .Where(hit => !IsExcused(hit))
            .ToList();

        Assert.True(hits.Count == 0, $"use {insteadUse}:\n{string.Join('\n', hits)}");
    }

    [Fact]
    public void Only_the_rpc_layer_creates_RpcExceptions()
    {
        var hits = Repository.Sources("src/Kpm.Server")
            .Where(f => !f.StartsWith("src/Kpm.Server/Rpc/", StringComparison.Ordinal))
            .Where(f => Repository.Read(f).Contains("new RpcException", StringComparison.Ordinal));

        Assert.Empty(hits);
    }

    [Fact]
    public void Files_have_one_subject_and_so_a_bounded_length()
    {
        var hits = Repository.Sources("src", "clients", "tests")
            .Where(f => !f.Contains("/gen/", StringComparison.Ordinal))
            .Select(f => (File: f, Lines: Lines(f).Count()))
            .Where(x => x.Lines > MostLinesOfAFile)
            .Select(x => $"{x.File}: {x.Lines} lines");

        Assert.Empty(hits);
    }

    [Fact]
    public void Namespaces_are_file_scoped()
    {
        var hits = Repository.Sources("src", "clients", "tests").Where(f => BlockNamespace().IsMatch(Repository.Read(f)));

        Assert.Empty(hits);
    }

    [Fact]
    public void No_file_names_a_machine_or_a_registry()
    {
        // Put together here so that this file does not contain what it looks for.
        string[] markers = ["/" + "work/", "/" + "farm/", "/root" + "/", "registry" + ".npmjs", "api" + ".nuget.org", "deb" + ".debian.org"];
        var hits = Repository.Files
            .Where(f => !f.EndsWith(".png", StringComparison.Ordinal))
            .SelectMany(f => Lines(f).Where(l => markers.Any(m => l.Text.Contains(m, StringComparison.Ordinal))).Select(l => $"{f}:{l.Number}"));

        Assert.Empty(hits);
    }

    [Fact]
    public void A_skipped_test_says_why()
    {
        var hits = Repository.Sources("tests").SelectMany(f => Lines(f)
            .Where(l => SkipWithoutReason().IsMatch(l.Text))
            .Select(l => $"{f}:{l.Number}"));

        Assert.Empty(hits);
    }

    /// <summary>The rare places where a banned text is right, each with its reason.</summary>
    private static bool IsExcused(string hit) =>
        // A synchronous API of Grpc.Core: BlockingUnaryCall is what the name says.
        (hit.StartsWith("src/GrpcRuntime/", StringComparison.Ordinal) && hit.Contains("GetAwaiter().GetResult()", StringComparison.Ordinal))
        // What Grpc.Core's own virtual members do until somebody overrides them; callers rely on the type.
        || (hit.StartsWith("src/GrpcRuntime/Core/", StringComparison.Ordinal) && hit.Contains("NotImplementedException", StringComparison.Ordinal));

    private static IEnumerable<(int Number, string Text)> Lines(string path) =>
        File.ReadLines(Path.Combine(Repository.Root, path)).Select((text, index) => (index + 1, text));

    [GeneratedRegex(@"^namespace [\w.]+\s*(\{|$)", RegexOptions.Multiline)]
    private static partial Regex BlockNamespace();

    [GeneratedRegex(@"Skip\s*=\s*(""""|null)|Assert\.Skip\(\s*(""""|null)?\s*\)")]
    private static partial Regex SkipWithoutReason();
}
