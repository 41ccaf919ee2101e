using Kpm.Server.Accounts.Passwords;

namespace Kpm.Server.Tests.Accounts;

public sealed class PasswordRulesTests
{
    private static readonly CommonPasswords Common = new();
    private static readonly PasswordRules Rules = new(new Limits(), Common);

    [Theory]
    [InlineData("Correct-Horse-7-Battery")]
    [InlineData("Tr4umhaft-Ölig")]
    [InlineData("Пароль-хорош7")]
    [InlineData("Xy7zzqqv")]
    [InlineData("Xy٧zzqqv")]
    public void Passwords_that_satisfy_every_rule(string password) => Assert.Empty(Reasons(password));

    [Theory]
    [InlineData("Xy7zzqq", "PASSWORD_TOO_SHORT")]
    [InlineData("Xyzzzqqv", "PASSWORD_NEEDS_DIGIT")]
    [InlineData("XY7ZZQQV", "PASSWORD_NEEDS_LOWER_CASE")]
    [InlineData("xy7zzqqv", "PASSWORD_NEEDS_UPPER_CASE")]
    [InlineData("Xy7 zqqv", "PASSWORD_HAS_WHITE_SPACE")]
    [InlineData("Xy7\u3000zqqv", "PASSWORD_HAS_WHITE_SPACE")]
    public void A_broken_rule_is_told_by_its_reason(string password, string reason) => Assert.Equal([reason], Reasons(password));

    [Fact]
    public void Rules_count_after_NFKC()
    {
        // The fraction becomes "1⁄2", which has digits; the ligature becomes two letters.
        Assert.Empty(Reasons("Xyz½qqvv"));
        Assert.Empty(Reasons("Xy7ﬁvvv"));
    }

    [Fact]
    public void Lengths_count_characters_on_both_sides()
    {
        Assert.Empty(Reasons("Xy7" + string.Concat(Enumerable.Repeat("😀", 5))));
        Assert.Equal(["PASSWORD_TOO_SHORT"], Reasons("Xy7" + string.Concat(Enumerable.Repeat("😀", 4))));
        Assert.Empty(Reasons("Xy7" + new string('q', 125)));
        Assert.Equal(["PASSWORD_TOO_LONG"], Reasons("Xy7" + new string('q', 126)));
    }

    [Theory]
    [InlineData("Password1")]
    [InlineData("P@ssw0rd")]
    [InlineData("Qwerty123")]
    [InlineData("Iloveyou2!")]
    [InlineData("123Dragon!")]
    [InlineData("Football2024")]
    public void Common_passwords_stay_common_when_decorated(string password) => Assert.Contains("PASSWORD_TOO_COMMON", Reasons(password));

    [Theory]
    [InlineData("Correct-Horse-7-Battery")]
    [InlineData("Zq8#vLp2!xKw")]
    [InlineData("Fußballplatz-17-Graz")]
    public void Others_are_not(string password) => Assert.False(Common.Contains(password));

    private static IEnumerable<string> Reasons(string password) => Rules.Judge("password", password).Select(v => v.Reason);
}
