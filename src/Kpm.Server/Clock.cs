namespace Kpm.Server;

internal static class Clock
{
    /// <summary>The time in whole milliseconds, as it is stored: what is answered now and what is read later is the same.</summary>
    public static DateTimeOffset Now(this TimeProvider time) => DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
}
