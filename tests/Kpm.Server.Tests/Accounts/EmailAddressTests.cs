using Kpm.Server.Accounts;

namespace Kpm.Server.Tests.Accounts;

public sealed class EmailAddressTests
{
    private static readonly string Local64 = new('a', 64);

    [Theory]
    [InlineData("a@b.co", "a@b.co")]
    [InlineData("First.Last+tag@Example.ORG", "first.last+tag@example.org")]
    [InlineData("owner@bücher.example", "owner@xn--bcher-kva.example")]
    [InlineData("OWNER@BÜCHER.example", "owner@xn--bcher-kva.example")]
    [InlineData("OWNER@XN--BCHER-KVA.EXAMPLE", "owner@xn--bcher-kva.example")]
    [InlineData("a@straße.example", "a@xn--strae-oqa.example")]
    [InlineData("a@strasse.example", "a@strasse.example")]
    [InlineData("a@例え。jp", "a@xn--r8jz45g.jp")]
    [InlineData("a@paral·lel.cat", "a@xn--parallel-koa.cat")]
    [InlineData("\u212Aate@example.org", "kate@example.org")]
    [InlineData("ΟΔΟΣ@example.org", "οδοσ@example.org")]
    [InlineData("ju\u0308rgen@example.org", "jürgen@example.org")]
    [InlineData("JÜRGEN@example.org", "jürgen@example.org")]
    [InlineData("用户@例え.jp", "用户@xn--r8jz45g.jp")]
    [InlineData("a!#$%&'*+-/=?^_`{|}~z@example.org", "a!#$%&'*+-/=?^_`{|}~z@example.org")]
    public void Addresses_that_differ_in_spelling_only_have_one_key(string text, string key)
    {
        Assert.True(EmailAddress.TryParse(text, out var address));
        Assert.Equal(key, address.Key);
        Assert.Equal(text.Normalize(), address.Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("@example.org")]
    [InlineData("a@")]
    [InlineData("a@b")]
    [InlineData("a@localhost")]
    [InlineData("a@example.123")]
    [InlineData("a@[127.0.0.1]")]
    [InlineData("a@example.org.")]
    [InlineData("a@.example.org")]
    [InlineData("a@ex..org")]
    [InlineData("a@-example.org")]
    [InlineData("a@example-.org")]
    [InlineData("a@exa_mple.org")]
    [InlineData(".a@example.org")]
    [InlineData("a.@example.org")]
    [InlineData("a..b@example.org")]
    [InlineData(" a@example.org")]
    [InlineData("a@example.org ")]
    [InlineData("a b@example.org")]
    [InlineData("\"a b\"@example.org")]
    [InlineData("a@b@example.org")]
    [InlineData("a\r\nBcc: x@example.org")]
    [InlineData("a<b@example.org")]
    [InlineData("\ud800a@example.org")]
    [InlineData("a\u200b@example.org")]
    [InlineData("a@xn--.example")]
    [InlineData("a@xn--bcher-kva-.example")]
    [InlineData("a@ex\u200bample.org")]
    [InlineData("a@ex\u00adample.org")]
    [InlineData("a\u3164@example.org")]
    [InlineData("a\ufe0f@example.org")]
    [InlineData("a\U000E0101@example.org")]
    [InlineData("a@ex\ufe0fample.org\ufe0f")]
    [InlineData("a@\u202eexample.org")]
    [InlineData("a@exam ple.org")]
    [InlineData("a@☃️ .example")]
    [InlineData("a@example.org/../x")]
    [InlineData("a\u202eb@example.org")]
    [InlineData("a\uff20example.org")]
    public void Malformed_addresses(string text) => Assert.False(EmailAddress.TryParse(text, out _));

    [Fact]
    public void Lengths_are_bounded_on_both_sides()
    {
        Assert.True(EmailAddress.TryParse($"{Local64}@example.org", out _));
        Assert.False(EmailAddress.TryParse($"{Local64}a@example.org", out _));
        // In UTF-8, each ü is two bytes.
        Assert.True(EmailAddress.TryParse($"{new string('ü', 32)}@example.org", out _));
        Assert.False(EmailAddress.TryParse($"{new string('ü', 33)}@example.org", out _));

        var label = new string('b', 63);
        var address = $"{Local64}@{label}.{label}.{new string('b', 57)}.org";
        Assert.Equal(254, address.Length);
        Assert.True(EmailAddress.TryParse(address, out _));
        Assert.False(EmailAddress.TryParse(address.Replace(".org", "b.org", StringComparison.Ordinal), out _));
        Assert.False(EmailAddress.TryParse($"a@{label}b.org", out _));
    }
}
