using System.Text.RegularExpressions;
using GrpcRuntime.Tests.Server;

namespace GrpcRuntime.Tests.Core;

/// <summary>The page on the runtime names tests that exist.</summary>
public sealed partial class RulesDocumentTests
{
    [Fact]
    public void Every_test_that_the_page_names_exists()
    {
        var page = File.ReadAllText(Path.GetFullPath(Path.Combine(Peers.ProjectFolder, "..", "..", "docs", "grpc.md")));
        var named = TestName().Matches(page).Select(match => (Class: match.Groups[1].Value, Method: match.Groups[2].Value)).ToList();
        // Server and client have classes of the same name.
        var tests = typeof(RulesDocumentTests).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods().Where(method => method.IsDefined(typeof(FactAttribute), inherit: true)).Select(method => (type.Name, method.Name)))
            .ToHashSet();

        Assert.True(named.Count > 40, $"The page names {named.Count} tests.");
        Assert.All(named, name => Assert.Contains(name, tests));
    }

    [GeneratedRegex(@"`(\w+Tests)\.(\w+)`")]
    private static partial Regex TestName();
}
