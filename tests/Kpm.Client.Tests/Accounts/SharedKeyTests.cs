using System.Security.Cryptography;
using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.Client.Storage;

namespace Kpm.Client.Tests.Accounts;

public sealed class SharedKeyTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kpm-shared-").FullName;

    private string Path => System.IO.Path.Combine(_folder, "new", "shared.key");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Apps_that_start_together_read_one_key_in_a_file_of_their_user()
    {
        const int apps = 16;
        for (var round = 0; round < 20; round++)
        {
            var keys = new byte[apps][];
            using var start = new Barrier(apps);
            var threads = Enumerable.Range(0, apps).Select(i => new Thread(() =>
            {
                start.SignalAndWait();
                using var key = SharedKey.OpenOrCreate(Path);
                keys[i] = key.PublicKey;
            })).ToList();
            threads.ForEach(thread => thread.Start());
            threads.ForEach(thread => thread.Join());
            Assert.Single(keys.Select(Convert.ToHexString).Distinct(StringComparer.Ordinal));
            Assert.Equal([Path], Directory.GetFiles(System.IO.Path.GetDirectoryName(Path)!));
            File.Delete(Path);
        }

        SharedKey.OpenOrCreate(Path).Dispose();
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path));
        }
    }

    [Fact]
    public void A_proof_holds_for_its_method_and_its_token_alone()
    {
        using var key = SharedKey.OpenOrCreate(Path);
        var proof = key.Prove("/m", "token", TimeProvider.System);
        using var verifier = P256.VerificationKey(key.PublicKey);
        bool Holds(string method, string token) => P256.Verify(
            verifier, DeviceProofs.ToSign(method, token, proof.Time.ToDateTimeOffset().ToUnixTimeMilliseconds(), proof.Nonce.Span), proof.Signature.Span);
        Assert.True(Holds("/m", "token"));
        Assert.False(Holds("/n", "token"));
        Assert.False(Holds("/m", "tokem"));
    }

    [Fact]
    public void An_empty_file_as_a_crash_leaves_it_gets_a_key()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        File.WriteAllBytes(Path, []);

        using var made = SharedKey.OpenOrCreate(Path);
        using var read = SharedKey.OpenOrCreate(Path);
        Assert.Equal(made.PublicKey, read.PublicKey);
    }

    [Fact]
    public void A_damaged_file_and_a_key_of_another_kind_are_told()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        foreach (var content in new[] { new byte[5000], "no key"u8.ToArray(), other.ExportPkcs8PrivateKey() })
        {
            File.WriteAllBytes(Path, content);
            Assert.Contains(Path, Assert.Throws<LocalStoreException>(() => SharedKey.OpenOrCreate(Path)).Message, StringComparison.Ordinal);
        }
    }
}
