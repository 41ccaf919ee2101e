using Kpm.Server.Messaging.Sms;

namespace Kpm.Server.Tests.Messaging.Sms;

public sealed class PhoneNumberTests
{
    [Theory]
    [InlineData("+4366012", "+•••••12")]
    [InlineData("+436601234567", "+••••••••••67")]
    [InlineData("+123456789012345", "+•••••••••••••45")]
    public void A_number_is_shown_by_its_last_two_digits(string text, string masked)
    {
        Assert.True(PhoneNumber.TryParse(text, out var number));
        Assert.Equal(text, number.Text);
        Assert.Equal(masked, number.Masked);
        Assert.Equal(masked, number.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("+")]
    [InlineData("+436601")]
    [InlineData("4366012345")]
    [InlineData("+0366012345")]
    [InlineData("+1234567890123456")]
    [InlineData("+43660 12345")]
    [InlineData("+43660-12345")]
    [InlineData("+43660\u0661\u0662\u0663\u0664")]
    [InlineData("++3660123456")]
    public void What_is_not_E164_is_none(string text) => Assert.False(PhoneNumber.TryParse(text, out _));
}
