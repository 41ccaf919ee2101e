using Grpc.Wire;

namespace GrpcRuntime.Tests.Core;

public sealed class GrpcTimeoutTests
{
    [Theory]
    [InlineData("1n", 1)]
    [InlineData("100n", 1)]
    [InlineData("101n", 2)]
    [InlineData("99999999n", 1_000_000)]
    [InlineData("1u", 10)]
    [InlineData("0u", 0)]
    [InlineData("250m", 2_500_000)]
    [InlineData("00000007S", 70_000_000)]
    [InlineData("2M", 1_200_000_000)]
    [InlineData("99999999H", 3_599_999_964_000_000_000)]
    public void A_timeout_is_read(string value, long ticks)
    {
        Assert.True(GrpcTimeout.TryParse(value, out var timeout));
        Assert.Equal(ticks, timeout.Ticks);
    }

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("5")]
    [InlineData("123456789S")]
    [InlineData("-1S")]
    [InlineData("+1S")]
    [InlineData(" 1S")]
    [InlineData("1S ")]
    [InlineData("1.5S")]
    [InlineData("1s")]
    [InlineData("1h")]
    [InlineData("1d")]
    [InlineData("1 S")]
    [InlineData("1,S")]
    [InlineData("\u0661S")]
    public void A_malformed_timeout_is_refused(string value) => Assert.False(GrpcTimeout.TryParse(value, out _));

    [Theory]
    [InlineData(-1, "1n")]
    [InlineData(0, "1n")]
    [InlineData(1, "100n")]
    [InlineData(999_999, "99999900n")]
    [InlineData(1_000_000, "100000u")]
    [InlineData(1_000_001, "100001u")]
    [InlineData(999_999_990, "99999999u")]
    [InlineData(999_999_991, "100000m")]
    [InlineData(999_999_990_000, "99999999m")]
    [InlineData(999_999_990_001, "100000S")]
    [InlineData(long.MaxValue, "99999999H")]
    public void A_timeout_is_written_in_the_finest_unit_and_rounded_up(long ticks, string expected) =>
        Assert.Equal(expected, GrpcTimeout.Format(TimeSpan.FromTicks(ticks)));

    [Fact]
    public void What_is_written_is_read_back_never_shorter_and_at_most_a_unit_longer()
    {
        var random = new Random(7);
        for (var i = 0; i < 10_000; i++)
        {
            var ticks = (long)Math.Pow(2, random.NextDouble() * 61);
            Assert.True(GrpcTimeout.TryParse(GrpcTimeout.Format(TimeSpan.FromTicks(ticks)), out var read));
            Assert.InRange(read.Ticks, ticks, ticks + Math.Max(10, ticks / 100_000 * 60));
        }
    }
}
