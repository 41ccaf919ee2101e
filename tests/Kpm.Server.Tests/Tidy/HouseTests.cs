using System.Text.RegularExpressions;
using Google.Protobuf.Reflection;
using Kpm.V1;

namespace Kpm.Server.Tests.Tidy;

/// <summary>One rule finds anything: where an rpc, its handler and its test are.</summary>
public sealed partial class HouseTests
{
    private static readonly Dictionary<string, string> SliceOf = new(StringComparer.Ordinal)
    {
        ["AccountService"] = "Accounts",
        ["VerificationService"] = "Verification",
        ["VaultService"] = "Vaults",
        ["SupportService"] = "Support",
    };

    public static TheoryData<string, string> Rpcs()
    {
        var data = new TheoryData<string, string>();
        foreach (var file in (FileDescriptor[])[AccountServiceReflection.Descriptor, VerificationServiceReflection.Descriptor, VaultServiceReflection.Descriptor, SupportServiceReflection.Descriptor])
        {
            foreach (var service in file.Services)
            {
                foreach (var method in service.Methods)
                {
                    data.Add(service.Name, method.Name);
                }
            }
        }

        return data;
    }

    [Fact]
    public void Every_service_in_the_contract_has_a_slice()
    {
        var declared = Repository.Files
            .Where(f => f.StartsWith("protos/kpm/", StringComparison.Ordinal))
            .SelectMany(f => ServiceDeclaration().Matches(Repository.Read(f)).Select(m => m.Groups[1].Value))
            .Order(StringComparer.Ordinal);

        Assert.Equal(SliceOf.Keys.Order(StringComparer.Ordinal), declared);
    }

    [Theory]
    [MemberData(nameof(Rpcs))]
    public void An_rpc_is_a_file_is_a_test(string service, string rpc)
    {
        var slice = SliceOf[service];

        Assert.Single(Repository.Sources($"src/Kpm.Server/{slice}"), f => Path.GetFileName(f) == rpc + ".cs");
        Assert.Single(Repository.Sources($"tests/Kpm.Server.Tests/{slice}"), f => Path.GetFileName(f) == rpc + "Tests.cs");
    }

    [Fact]
    public void Nothing_under_src_refers_to_clients()
    {
        var offenders = Repository.Files
            .Where(f => f.StartsWith("src/", StringComparison.Ordinal) && f.EndsWith(".csproj", StringComparison.Ordinal))
            .Where(f => Repository.Read(f).Contains("clients/", StringComparison.Ordinal));

        Assert.Empty(offenders);
    }

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = Repository.Read("Kpm.Grpc.sln").Replace('\\', '/');

        Assert.All(Repository.Files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal)), f => Assert.Contains(f, solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_project_has_its_lock_file() =>
        Assert.All(
            Repository.Files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal)),
            f => Assert.Contains(Path.GetDirectoryName(f)!.Replace('\\', '/') + "/packages.lock.json", Repository.Files));

    [Fact]
    public void Versions_of_packages_stand_in_one_place() =>
        Assert.All(
            Repository.Files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal)),
            f => Assert.DoesNotMatch(PackageVersionAttribute(), Repository.Read(f)));

    [GeneratedRegex(@"^service (\w+) \{", RegexOptions.Multiline)]
    private static partial Regex ServiceDeclaration();

    [GeneratedRegex(@"PackageReference[^>]*\bVersion=")]
    private static partial Regex PackageVersionAttribute();
}
