using System.Text.RegularExpressions;
using Kpm.Server.Rpc;
using Kpm.Server.Tests.Tidy;
using Kpm.V1;

namespace Kpm.Server.Tests.Rpc;

public sealed partial class ErrorCatalogueTests
{
    [Fact]
    public void Every_reason_of_the_contract_is_in_the_catalogue() =>
        Assert.Equal(Enum.GetValues<ErrorReason>().Where(r => r != ErrorReason.Unspecified), ErrorCatalogue.All.Select(e => e.Reason));

    [Fact]
    public void The_document_and_the_catalogue_agree()
    {
        var rows = Row().Matches(Repository.Read("docs/errors.md")).Select(m => (m.Groups[1].Value, m.Groups[2].Value, m.Groups[3].Value, m.Groups[4].Value));

        Assert.Equal(ErrorCatalogue.All.Select(e => (e.Name, CodeName(e), e.Text, e.ClientAction)), rows);
    }

    [Fact]
    public void The_contract_names_the_same_code_as_the_catalogue()
    {
        var contract = Repository.Read("protos/kpm/v1/error_reason.proto");
        foreach (var entry in ErrorCatalogue.All)
        {
            var comment = Regex.Match(contract, $@"// ([^\n]*)\n  ERROR_REASON_{entry.Name} =").Groups[1].Value;
            Assert.EndsWith($"{CodeName(entry)}.", comment, StringComparison.Ordinal);
        }
    }

    private static string CodeName(ErrorEntry entry) => LowerUpper().Replace(entry.Code.ToString(), "$1_$2").ToUpperInvariant();

    [GeneratedRegex(@"^\| `([A-Z_]+)` \| ([A-Z_]+) \| (.*?) \| (.*?) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("([a-z])([A-Z])")]
    private static partial Regex LowerUpper();
}
