using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Kpm.Client.Tests.Vectors;

/// <summary>
/// The committed vectors are what the generator makes. After a deliberate change of the format:
/// KPM_WRITE_VECTORS=1 dotnet run --project tests/Kpm.Client.Tests -- -class Kpm.Client.Tests.Vectors.VectorFilesTests
/// </summary>
public sealed class VectorFilesTests
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Dictionary<string, Func<StickySigner, VectorFile>> Makers = new(StringComparer.Ordinal)
    {
        ["kdf"] = _ => KdfVectors.Make(),
        ["wraps"] = _ => WrapVectors.Make(),
        ["header"] = HeaderVectors.Make,
        ["aad"] = _ => AadVectors.Make(),
        ["item"] = _ => ItemVectors.Make(),
        ["directory"] = DirectoryVectors.Make,
        ["keyset"] = _ => KeysetVectors.Make(),
        ["chain"] = ChainVectors.Make,
        ["signature"] = SignatureVectors.Make,
        ["revocation"] = _ => RevocationVectors.Make(),
        ["rekey"] = RekeyVectors.Make,
        ["checkpoint"] = CheckpointVectors.Make,
        ["attachment"] = _ => AttachmentVectors.Make(),
    };

    public static TheoryData<string> Subjects => [.. Makers.Keys];

    public static string Folder { get; } = Path.Combine(RepositoryRoot(), "clients", "testvectors");

    [Theory]
    [MemberData(nameof(Subjects))]
    public void The_committed_file_is_what_the_generator_makes(string subject)
    {
        var path = Path.Combine(Folder, subject + ".json");
        var committed = File.Exists(path) ? File.ReadAllText(path) : null;
        var signer = new StickySigner(committed is null ? null : JsonNode.Parse(committed));
        var file = Makers[subject](signer).ToJson();
        if (signer.Hidden(file.ToJsonString()) is { Count: > 0 } hidden)
        {
            file["signatures"] = hidden;
        }

        var made = file.ToJsonString(Format) + "\n";
        if (Environment.GetEnvironmentVariable("KPM_WRITE_VECTORS") == "1")
        {
            Directory.CreateDirectory(Folder);
            File.WriteAllText(path, made);
            return;
        }

        Assert.Equal(made, committed);
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Kpm.Grpc.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests run outside the repository.");
        }

        return folder.FullName;
    }
}
