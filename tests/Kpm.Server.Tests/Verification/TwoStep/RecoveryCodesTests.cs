using Kpm.Server.Secrets;
using Kpm.Server.Storage.Files;
using Kpm.Server.Tests.Storage;
using Kpm.Server.Verification.TwoStep;

namespace Kpm.Server.Tests.Verification.TwoStep;

public sealed class RecoveryCodesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private RecoveryCodes Codes => new(RootKey.Open(_folder.File("root.key"), isInUse: false, new DiskSync()));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_code_is_found_however_it_is_typed()
    {
        var account = Guid.CreateVersion7();
        var codes = Codes;
        var (written, hashes) = codes.New(account);

        foreach (var (code, hash) in written.Zip(hashes))
        {
            Assert.Equal(hash, codes.HashOf(account, code));
            Assert.Equal(hash, codes.HashOf(account, " " + code.ToLowerInvariant().Replace("-", "", StringComparison.Ordinal) + "\t"));
            Assert.Equal(hash, codes.HashOf(account, code.Replace('0', 'O').Replace('1', 'l')));
            Assert.NotEqual(hash, codes.HashOf(Guid.CreateVersion7(), code));
        }

        Assert.Equal(10, hashes.Select(Convert.ToHexString).Distinct(StringComparer.Ordinal).Count());
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("00000-00000-00000-00000-00000")]
    [InlineData("00000-00000-00000-00000-00000-00")]
    [InlineData("UUUUU-00000-00000-00000-00000-0")]
    [InlineData("!!!!!-00000-00000-00000-00000-0")]
    // The last character carries two bits more than a code has.
    [InlineData("00000-00000-00000-00000-00000-1")]
    [InlineData("00000-00000-00000-00000-00000-Z")]
    [InlineData("ｚ0000-00000-00000-00000-00000-0")]
    public void What_can_not_be_a_code_has_no_hash(string text) => Assert.Null(Codes.HashOf(Guid.CreateVersion7(), text));
}
