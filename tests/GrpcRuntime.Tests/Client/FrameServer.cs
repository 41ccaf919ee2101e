using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Grpc.Net.Client;
using GrpcRuntime.Tests.Server;

namespace GrpcRuntime.Tests.Client;

/// <summary>A server that reads and writes HTTP/2 frames by hand: each connection runs the test's script.</summary>
internal sealed class FrameServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly List<Task> _connections = [];
    private readonly Task _accepting;

    public FrameServer(Func<FrameConnection, Task> script)
    {
        _listener.Start();
        _accepting = AcceptAsync(script);
    }

    public GrpcChannel Channel(GrpcChannelOptions? options = null) => GrpcChannel.ForAddress($"http://{_listener.LocalEndpoint}", options ?? new GrpcChannelOptions());

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting.ContinueWith(_ => { }, TaskScheduler.Default);
        _listener.Dispose();
        _stop.Dispose();

        // What a script asserted; that a connection was closed under it is no failure.
        foreach (var connection in _connections)
        {
            try
            {
                await connection;
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                continue;
            }
        }
    }

    private async Task AcceptAsync(Func<FrameConnection, Task> script)
    {
        while (true)
        {
            var client = await _listener.AcceptTcpClientAsync(_stop.Token);
            _connections.Add(ServeAsync(client, script, _connections.Count));
        }
    }

    private async Task ServeAsync(TcpClient client, Func<FrameConnection, Task> script, int number)
    {
        using (client)
        {
            client.NoDelay = true;
            var connection = new FrameConnection(client.GetStream(), number, _stop.Token);
            await connection.BeginAsync();
            await script(connection);
        }
    }
}

/// <summary>One connection of a <see cref="FrameServer"/>.</summary>
internal sealed class FrameConnection(NetworkStream stream, int number, CancellationToken stop)
{
    public const byte EndStream = 1;
    public const byte EndHeaders = 4;
    public const byte Padded = 8;

    /// <summary>The number of the connection, from 0.</summary>
    public int Number => number;

    public async Task BeginAsync()
    {
        await stream.ReadExactlyAsync(new byte[24], stop);
        await SendAsync(FrameType.Settings, 0, 0, []);
    }

    /// <summary>The next frame of a request; what belongs to the connection is answered.</summary>
    public async Task<Http2Frame> ReadAsync()
    {
        while (true)
        {
            var header = new byte[9];
            await stream.ReadExactlyAsync(header, stop);
            var payload = new byte[(header[0] << 16) | (header[1] << 8) | header[2]];
            await stream.ReadExactlyAsync(payload, stop);
            var frame = new Http2Frame((FrameType)header[3], header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)), payload, null);
            if (frame.Type is FrameType.Settings or FrameType.Ping && (frame.Flags & 1) == 0)
            {
                await SendAsync(frame.Type, 1, 0, frame.Type == FrameType.Ping ? payload : []);
            }
            else if (frame.StreamId != 0 && frame.Type != FrameType.WindowUpdate)
            {
                return frame;
            }
        }
    }

    /// <summary>The frames of a request up to one that ends or resets it.</summary>
    public async Task<List<Http2Frame>> ReadRequestAsync()
    {
        var frames = new List<Http2Frame>();
        do
        {
            frames.Add(await ReadAsync());
        }
        while (!frames[^1].EndStream && frames[^1].Type != FrameType.RstStream);
        return frames;
    }

    public Task BeginResponseAsync(int streamId) => SendAsync(FrameType.Headers, EndHeaders, streamId, Block((":status", "200"), ("content-type", "application/grpc")));

    public Task EndResponseAsync(int streamId, int status) => SendAsync(FrameType.Headers, EndHeaders | EndStream, streamId, Block(("grpc-status", $"{status}")));

    public Task ResetAsync(int streamId, byte errorCode) => SendAsync(FrameType.RstStream, 0, streamId, [0, 0, 0, errorCode]);

    public async Task SendAsync(FrameType type, byte flags, int streamId, byte[] payload)
    {
        var header = new byte[9];
        header[0] = (byte)(payload.Length >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(1), (ushort)payload.Length);
        header[3] = (byte)type;
        header[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(5), streamId);
        await stream.WriteAsync((byte[])[.. header, .. payload], stop);
    }

    /// <summary>A header block of literals that are not indexed.</summary>
    public static byte[] Block(params (string Name, string Value)[] headers)
    {
        var block = new List<byte>();
        foreach (var (name, value) in headers)
        {
            block.Add(0);
            block.Add((byte)name.Length);
            block.AddRange(Encoding.ASCII.GetBytes(name));
            block.Add((byte)value.Length);
            block.AddRange(Encoding.ASCII.GetBytes(value));
        }

        return [.. block];
    }
}
