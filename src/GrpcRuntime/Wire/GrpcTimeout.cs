using System.Globalization;

namespace Grpc.Wire;

/// <summary>The header <c>grpc-timeout</c>: one to eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    private const long MaxValue = 99_999_999;
    private const long NanosecondsPerTick = 100;

    // From the finest to the coarsest, with the length of each in ticks.
    private static readonly (char Unit, long Ticks)[] Units =
    [
        ('u', TimeSpan.TicksPerMicrosecond),
        ('m', TimeSpan.TicksPerMillisecond),
        ('S', TimeSpan.TicksPerSecond),
        ('M', TimeSpan.TicksPerMinute),
        ('H', TimeSpan.TicksPerHour),
    ];

    /// <summary>False when the value is malformed. A part of a tick counts as a whole one.</summary>
    public static bool TryParse(ReadOnlySpan<char> value, out TimeSpan timeout)
    {
        timeout = default;
        if (value.Length is < 2 or > 9)
        {
            return false;
        }

        var number = 0L;
        foreach (var c in value[..^1])
        {
            if (!char.IsAsciiDigit(c))
            {
                return false;
            }

            number = (number * 10) + (c - '0');
        }

        var unit = value[^1];
        if (unit == 'n')
        {
            timeout = TimeSpan.FromTicks((number + NanosecondsPerTick - 1) / NanosecondsPerTick);
            return true;
        }

        foreach (var (name, ticks) in Units)
        {
            if (name == unit)
            {
                // 99,999,999 hours are less than half of what a TimeSpan holds.
                timeout = TimeSpan.FromTicks(number * ticks);
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// In the finest unit that holds it, rounded up, so that the server never gives up before its caller does.
    /// What is not positive is sent as the shortest timeout there is.
    /// </summary>
    public static string Format(TimeSpan timeout)
    {
        var ticks = timeout.Ticks;
        if (ticks <= 0)
        {
            return "1n";
        }

        if (ticks <= MaxValue / NanosecondsPerTick)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{ticks * NanosecondsPerTick}n");
        }

        foreach (var (unit, unitTicks) in Units)
        {
            var number = (ticks / unitTicks) + (ticks % unitTicks == 0 ? 0 : 1);
            if (number <= MaxValue)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{number}{unit}");
            }
        }

        // TimeSpan.MaxValue is longer than the longest timeout by a factor of 2.5.
        return string.Create(CultureInfo.InvariantCulture, $"{MaxValue}H");
    }
}
