using System.Text.RegularExpressions;

namespace Kpm.Server.Tests.Tidy;

/// <summary>Documents stay true where truth can be checked.</summary>
public sealed partial class DocsTests
{
    [Fact]
    public void Links_between_documents_lead_somewhere()
    {
        var broken = Repository.Files
            .Where(f => f.EndsWith(".md", StringComparison.Ordinal))
            .SelectMany(f => Link().Matches(Repository.Read(f)).Select(m => (File: f, Target: m.Groups[1].Value.Split('#')[0])))
            .Where(x => x.Target.Length > 0 && !x.Target.Contains(':', StringComparison.Ordinal))
            .Where(x => !Path.Exists(Path.Combine(Repository.Root, Path.GetDirectoryName(x.File)!, x.Target)))
            .Select(x => $"{x.File} -> {x.Target}");

        Assert.Empty(broken);
    }

    [Fact]
    public void Every_decision_record_is_listed()
    {
        var index = Repository.Read("docs/adr/README.md");

        Assert.All(
            Repository.Files.Where(f => DecisionRecord().IsMatch(f)),
            f => Assert.Contains(Path.GetFileName(f), index, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_guarantee_names_a_test_that_exists()
    {
        var rows = GuaranteeRow().Matches(Repository.Read("docs/sync.md"));
        Assert.Equal(["G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8"], rows.Select(r => r.Groups[1].Value));

        var tests = string.Join('\n', Repository.Sources("tests").Select(Repository.Read));
        foreach (Match row in rows)
        {
            var names = TestName().Matches(row.Groups[2].Value).Select(m => m.Groups[1].Value).ToList();
            Assert.True(names.Count > 0, $"{row.Groups[1].Value} names no test.");
            Assert.All(names, name => Assert.Matches($@"\b{Regex.Escape(name)}\s*\(", tests));
        }
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^docs/adr/\d{4}-")]
    private static partial Regex DecisionRecord();

    [GeneratedRegex(@"^\| (G[1-8]) \|(.*)\|\s*$", RegexOptions.Multiline)]
    private static partial Regex GuaranteeRow();

    [GeneratedRegex(@"`\w+\.(\w+)`")]
    private static partial Regex TestName();
}
