using Kpm.Client.Accounts;

namespace Kpm.Client.Tests.Accounts;

public sealed class PasswordStrengthTests
{
    [Theory]
    [InlineData("", MainPasswordProblem.Invalid)]
    [InlineData("Password1!", MainPasswordProblem.TooWeak)]
    [InlineData("qwertzuiop", MainPasswordProblem.TooWeak)]
    [InlineData("ada@example.com", MainPasswordProblem.TooWeak)]
    [InlineData("Correct-Horse-7-battery", MainPasswordProblem.SameAsAccountPassword)]
    [InlineData("violet-otter-climbs-72-stairs", MainPasswordProblem.None)]
    public void A_main_password_is_judged(string password, MainPasswordProblem expected)
    {
        var (problem, advice) = PasswordStrength.Judge(password, "Correct-Horse-7-battery", "ada@example.com");
        Assert.Equal(expected, problem);
        Assert.Equal(expected == MainPasswordProblem.None, advice.Length == 0);
    }

    [Fact]
    public void Equality_with_the_account_password_is_judged_after_normalisation() =>
        Assert.Equal(MainPasswordProblem.SameAsAccountPassword, PasswordStrength.Judge("Gru\u0308n-7-Fenster-offen", "Gr\u00fcn-7-Fenster-offen").Problem);

    [Fact]
    public void Text_that_is_not_well_formed_is_no_password() =>
        Assert.Equal(MainPasswordProblem.Invalid, PasswordStrength.Judge("violet-otter-\ud800-climbs", null).Problem);

    [Fact]
    public void A_very_long_password_is_judged_at_once() =>
        Assert.Equal(MainPasswordProblem.None, PasswordStrength.Judge(string.Concat(Enumerable.Range(0, 250).Select(i => $"{i * 7919 % 997:x}-")), null).Problem);
}
