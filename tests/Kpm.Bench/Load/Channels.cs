using Grpc.Net.Client;

namespace Kpm.Bench.Load;

/// <summary>A few connections that many devices share, so that the driver's own sockets cost little; the same number for both sides of a ratio.</summary>
internal sealed class Channels : IDisposable
{
    /// <summary>Kestrel allows 100 streams on a connection.</summary>
    private const int MostStreams = 100;
    private const int Most = 8;

    private readonly GrpcChannel[] _channels;

    public Channels(Uri address, int devices)
    {
        var count = Math.Max(Math.Min(devices, Most), (devices + MostStreams - 1) / MostStreams);
        _channels = [.. Enumerable.Range(0, count).Select(_ => One(address))];
    }

    public int Count => _channels.Length;

    public GrpcChannel this[int device] => _channels[device % _channels.Length];

    /// <summary>A channel with exactly one connection.</summary>
    public static GrpcChannel One(Uri address) => GrpcChannel.ForAddress(
        address,
        new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false, InitialHttp2StreamWindowSize = 1 << 20 },
            DisposeHttpClient = true,
        });

    public void Dispose()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }
    }
}
