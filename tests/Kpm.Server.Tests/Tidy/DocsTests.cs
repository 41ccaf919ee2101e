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

    [Theory]
    [InlineData("docs/sync.md", "G", 8)]
    [InlineData("docs/promises.md", "S", 14)]
    public void Every_promise_names_tests_that_exist(string document, string letter, int count)
    {
        var rows = PromiseRow().Matches(Repository.Read(document)).Where(r => r.Groups[1].Value.StartsWith(letter, StringComparison.Ordinal)).ToList();
        Assert.Equal(Enumerable.Range(1, count).Select(n => $"{letter}{n}"), rows.Select(r => r.Groups[1].Value));

        var classes = Repository.Sources("tests").ToLookup(f => Path.GetFileNameWithoutExtension(f).Split('.')[0], Repository.Read, StringComparer.Ordinal);
        foreach (var row in rows)
        {
            var names = TestName().Matches(row.Groups[2].Value);
            Assert.True(names.Count > 0, $"{row.Groups[1].Value} names no test.");
            Assert.All(names, n => Assert.Contains(classes[n.Groups[1].Value], source => Regex.IsMatch(source, $@"\b{n.Groups[2].Value}\s*\(", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10))));
        }
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^docs/adr/\d{4}-")]
    private static partial Regex DecisionRecord();

    [GeneratedRegex(@"^\| ([GS]\d+) \|(.*)\|\s*$", RegexOptions.Multiline)]
    private static partial Regex PromiseRow();

    [GeneratedRegex(@"`(\w+)\.(\w+)`")]
    private static partial Regex TestName();
}
