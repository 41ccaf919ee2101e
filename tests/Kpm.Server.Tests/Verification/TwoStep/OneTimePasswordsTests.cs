using System.Text;
using Kpm.Server.Verification.TwoStep;

namespace Kpm.Server.Tests.Verification.TwoStep;

public sealed class OneTimePasswordsTests
{
    private static readonly byte[] Secret = Encoding.ASCII.GetBytes("12345678901234567890");

    /// <summary>RFC 6238, appendix B, the SHA-1 rows.</summary>
    [Theory]
    [InlineData(59, "94287082")]
    [InlineData(1111111109, "07081804")]
    [InlineData(1111111111, "14050471")]
    [InlineData(1234567890, "89005924")]
    [InlineData(2000000000, "69279037")]
    [InlineData(20000000000, "65353130")]
    public void The_RFCs_vectors(long seconds, string code) =>
        Assert.Equal(code, OneTimePasswords.Code(Secret, OneTimePasswords.Step(DateTimeOffset.FromUnixTimeSeconds(seconds)), 8));

    /// <summary>RFC 4226, appendix D.</summary>
    [Theory]
    [InlineData(0, "755224")]
    [InlineData(1, "287082")]
    [InlineData(2, "359152")]
    [InlineData(3, "969429")]
    [InlineData(4, "338314")]
    [InlineData(5, "254676")]
    [InlineData(6, "287922")]
    [InlineData(7, "162583")]
    [InlineData(8, "399871")]
    [InlineData(9, "520489")]
    public void The_vectors_of_the_RFC_below(long step, string code) => Assert.Equal(code, OneTimePasswords.Code(Secret, step, 6));

    [Fact]
    public void A_step_is_the_present_one_or_its_neighbour_and_after_the_last()
    {
        var passwords = new OneTimePasswords();
        var now = DateTimeOffset.FromUnixTimeSeconds(1_000_000_019);
        var step = OneTimePasswords.Step(now);

        foreach (var offset in (long[])[-1, 0, 1])
        {
            Assert.Equal(step + offset, passwords.StepOf(Secret, OneTimePasswords.Code(Secret, step + offset, 6), now, afterStep: 0));
            Assert.Null(passwords.StepOf(Secret, OneTimePasswords.Code(Secret, step + offset, 6), now, afterStep: step + offset));
            Assert.Equal(step + offset, passwords.StepOf(Secret, OneTimePasswords.Code(Secret, step + offset, 6), now, afterStep: step + offset - 1));
        }

        Assert.Null(passwords.StepOf(Secret, OneTimePasswords.Code(Secret, step - 2, 6), now, afterStep: 0));
        Assert.Null(passwords.StepOf(Secret, OneTimePasswords.Code(Secret, step + 2, 6), now, afterStep: 0));
        Assert.Null(passwords.StepOf(Secret, "", now, afterStep: 0));
        Assert.Null(passwords.StepOf(Secret, OneTimePasswords.Code(Secret, step, 6)[..5] + "x", now, afterStep: 0));
    }
}
