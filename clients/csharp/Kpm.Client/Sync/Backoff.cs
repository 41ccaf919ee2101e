namespace Kpm.Client.Sync;

/// <summary>Waits of 0.5 to 60 s with full jitter, so that devices do not come back all at once.</summary>
internal sealed class Backoff(Func<double> random)
{
    public static readonly TimeSpan Least = TimeSpan.FromSeconds(0.5);
    public static readonly TimeSpan Most = TimeSpan.FromSeconds(60);
    private int _attempt;

    /// <summary>The next wait; never less than what the server asked for.</summary>
    public TimeSpan Next(TimeSpan? retryAfter)
    {
        var ceiling = Math.Min(Most.TotalSeconds, Least.TotalSeconds * Math.Pow(2, Math.Min(_attempt++, 16)));
        var wait = TimeSpan.FromSeconds(Math.Max(Least.TotalSeconds, random() * ceiling));
        return retryAfter > wait ? retryAfter.Value : wait;
    }

    public void Reset() => _attempt = 0;
}
