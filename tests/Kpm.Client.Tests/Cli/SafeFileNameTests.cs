using System.Text;

namespace Kpm.Client.Tests.Cli;

public sealed class SafeFileNameTests
{
    [Theory]
    [InlineData("passport.pdf", "passport.pdf")]
    [InlineData("../../etc/passwd", "passwd")]
    [InlineData("..\\..\\boot.ini", "boot.ini")]
    [InlineData("/", "attachment")]
    [InlineData("", "attachment")]
    [InlineData("..", "attachment")]
    [InlineData(".bashrc", "bashrc")]
    [InlineData("-rf", "rf")]
    [InlineData("a\u0000b\u001b[31m.txt", "ab[31m.txt")]
    [InlineData("invoice\u202egpj.exe", "invoicegpj.exe")]
    [InlineData("a:b*c?.txt", "a_b_c_.txt")]
    [InlineData("con.txt", "_con.txt")]
    [InlineData("LPT1", "_LPT1")]
    [InlineData("name. . ", "name")]
    [InlineData("Reisepaß 2026 €.pdf", "Reisepaß 2026 €.pdf")]
    public void A_name_out_of_an_item_names_a_file_of_its_folder(string name, string safe) => Assert.Equal(safe, SafeFileName.Of(name));

    [Fact]
    public void A_long_name_keeps_its_extension_and_whole_characters()
    {
        var safe = SafeFileName.Of(string.Concat(Enumerable.Repeat("😀", 100)) + ".pdf");
        Assert.EndsWith("😀.pdf", safe, StringComparison.Ordinal);
        Assert.InRange(Encoding.UTF8.GetByteCount(safe), 190, 200);
        Assert.Equal(safe, SafeFileName.Of(safe));
    }
}
