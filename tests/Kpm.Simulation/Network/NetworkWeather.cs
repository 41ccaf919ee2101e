namespace Kpm.Simulation.Network;

/// <summary>How the network is today: chosen by the seed once, and calm when the faults are over.</summary>
internal sealed class NetworkWeather
{
    /// <summary>Usual delay of a message, one way.</summary>
    public required TimeSpan Latency { get; init; }

    /// <summary>One message in so many waits much longer; 0 for none.</summary>
    public required int Hiccups { get; init; }

    /// <summary>How long a server may go on without hearing that its client is gone.</summary>
    public required TimeSpan LongestDeathNotice { get; init; }

    /// <summary>Messages that a client may leave unread before the server's writes wait.</summary>
    public required int Window { get; init; }

    public TimeSpan Delay(Random random)
    {
        var delay = Latency * random.NextDouble();
        return Hiccups > 0 && random.Next(Hiccups) == 0 ? delay + TimeSpan.FromSeconds(random.NextDouble() * 20) : delay;
    }

    public TimeSpan DeathNotice(Random random) => LongestDeathNotice * Math.Pow(random.NextDouble(), 2);
}
