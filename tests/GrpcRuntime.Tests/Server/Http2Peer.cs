using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace GrpcRuntime.Tests.Server;

internal enum FrameType : byte
{
    Data = 0,
    Headers = 1,
    Priority = 2,
    RstStream = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

internal sealed record Http2Frame(FrameType Type, byte Flags, int StreamId, byte[] Payload, Dictionary<string, string>? Headers)
{
    public bool EndStream => Type is FrameType.Data or FrameType.Headers && (Flags & 1) != 0;

    public uint ErrorCode => BinaryPrimitives.ReadUInt32BigEndian(Payload.AsSpan(Type == FrameType.GoAway ? 4 : 0));
}

/// <summary>
/// A client that writes HTTP/2 frames by hand. It announces a header table of size 0, so that headers come as literals
/// and static entries only, and never encodes with Huffman codes.
/// </summary>
internal sealed class Http2Peer : IAsyncDisposable
{
    private const int EndHeaders = 4;
    private const int MaxFrameSize = 16 * 1024;

    private static readonly string[] StaticNames =
    [
        "", ":authority", ":method", ":method", ":path", ":path", ":scheme", ":scheme", ":status", ":status", ":status", ":status", ":status", ":status",
        ":status", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "accept", "access-control-allow-origin", "age", "allow",
        "authorization", "cache-control", "content-disposition", "content-encoding", "content-language", "content-length", "content-location",
        "content-range", "content-type", "cookie", "date", "etag", "expect", "expires", "from", "host", "if-match", "if-modified-since", "if-none-match",
        "if-range", "if-unmodified-since", "last-modified", "link", "location", "max-forwards", "proxy-authenticate", "proxy-authorization", "range",
        "referer", "refresh", "retry-after", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent", "vary", "via",
        "www-authenticate",
    ];

    private static readonly Dictionary<int, string> StaticValues = new()
    {
        [2] = "GET", [3] = "POST", [4] = "/", [5] = "/index.html", [6] = "http", [7] = "https", [8] = "200", [9] = "204", [10] = "206", [11] = "304",
        [12] = "400", [13] = "404", [14] = "500", [16] = "gzip, deflate",
    };

    private readonly TcpClient _client;
    private readonly NetworkStream _stream;
    private readonly CancellationToken _cancellationToken;

    private Http2Peer(TcpClient client, CancellationToken cancellationToken)
    {
        _client = client;
        _stream = client.GetStream();
        _cancellationToken = cancellationToken;
    }

    public static async Task<Http2Peer> ConnectAsync(Uri address, CancellationToken cancellationToken, params (ushort Id, uint Value)[] settings)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(address.Host, address.Port, cancellationToken);
        var peer = new Http2Peer(client, cancellationToken);
        await peer._stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray(), cancellationToken);
        var payload = new MemoryStream();
        foreach (var (id, value) in settings.Prepend(((ushort)1, 0u)))
        {
            var entry = new byte[6];
            BinaryPrimitives.WriteUInt16BigEndian(entry, id);
            BinaryPrimitives.WriteUInt32BigEndian(entry.AsSpan(2), value);
            payload.Write(entry);
        }

        await peer.SendFrameAsync(FrameType.Settings, 0, 0, payload.ToArray());
        return peer;
    }

    public Task SendHeadersAsync(int streamId, string path, bool endStream, params (string Name, string Value)[] headers) =>
        SendFrameAsync(FrameType.Headers, (byte)(EndHeaders | (endStream ? 1 : 0)), streamId, HeaderBlock(path, headers));

    /// <summary>A header block over as many frames as it needs.</summary>
    public async Task SendLongHeadersAsync(int streamId, byte[] block, bool endStream)
    {
        var parts = block.Chunk(MaxFrameSize).ToList();
        for (var i = 0; i < parts.Count; i++)
        {
            var flags = (byte)((i == parts.Count - 1 ? EndHeaders : 0) | (i == 0 && endStream ? 1 : 0));
            await SendFrameAsync(i == 0 ? FrameType.Headers : FrameType.Continuation, flags, streamId, parts[i]);
        }
    }

    /// <summary>The headers of a request as literals that nobody keeps.</summary>
    public static byte[] HeaderBlock(string path, params (string Name, string Value)[] headers)
    {
        var block = new MemoryStream();
        (string, string)[] all =
        [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"), ("content-type", "application/grpc"), ("te", "trailers"),
            .. headers,
        ];
        foreach (var (name, value) in all)
        {
            block.WriteByte(0);
            WriteString(block, name);
            WriteString(block, value);
        }

        return block.ToArray();
    }

    public Task SendDataAsync(int streamId, byte[] data, bool endStream) => SendFrameAsync(FrameType.Data, (byte)(endStream ? 1 : 0), streamId, data);

    public Task SendRstStreamAsync(int streamId, uint errorCode)
    {
        var payload = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(payload, errorCode);
        return SendFrameAsync(FrameType.RstStream, 0, streamId, payload);
    }

    public async Task SendFrameAsync(FrameType type, byte flags, int streamId, byte[] payload) =>
        await _stream.WriteAsync(Frame(type, flags, streamId, payload), _cancellationToken);

    public async Task SendBytesAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => await _stream.WriteAsync(bytes, cancellationToken);

    public static byte[] Frame(FrameType type, byte flags, int streamId, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        frame[0] = (byte)(payload.Length >> 16);
        frame[1] = (byte)(payload.Length >> 8);
        frame[2] = (byte)payload.Length;
        frame[3] = (byte)type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), streamId);
        payload.CopyTo(frame, 9);
        return frame;
    }

    /// <summary>The next frame of a stream (0 for the connection) of a type; what belongs to others is passed over.</summary>
    public async Task<Http2Frame> ReadFrameAsync(FrameType type, int streamId)
    {
        while (true)
        {
            var frame = await ReadFrameAsync();
            if (frame.StreamId == streamId && frame.Type == type)
            {
                return frame;
            }
        }
    }

    /// <summary>Every frame of a stream up to its end or reset.</summary>
    public async Task<List<Http2Frame>> ReadStreamAsync(int streamId)
    {
        var frames = new List<Http2Frame>();
        while (true)
        {
            var frame = await ReadFrameAsync();
            if (frame.StreamId == streamId && frame.Type is not FrameType.WindowUpdate)
            {
                frames.Add(frame);
                if (frame.EndStream || frame.Type == FrameType.RstStream)
                {
                    return frames;
                }
            }
        }
    }

    public async Task<Http2Frame> ReadFrameAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(20));
        var header = new byte[9];
        await _stream.ReadExactlyAsync(header, limit.Token);
        var payload = new byte[(header[0] << 16) | (header[1] << 8) | header[2]];
        await _stream.ReadExactlyAsync(payload, limit.Token);
        var type = (FrameType)header[3];
        if (type == FrameType.Settings && (header[4] & 1) == 0)
        {
            await SendFrameAsync(FrameType.Settings, 1, 0, []);
        }

        return new Http2Frame(type, header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)), payload, type == FrameType.Headers ? Decode(payload) : null);
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return default;
    }

    private static Dictionary<string, string> Decode(byte[] block)
    {
        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        var position = 0;
        while (position < block.Length)
        {
            var first = block[position];
            if ((first & 0x80) != 0)
            {
                var index = ReadInteger(block, ref position, 7);
                headers[StaticNames[index]] = StaticValues[index];
                continue;
            }

            if ((first & 0xe0) == 0x20)
            {
                Assert.Equal(0, ReadInteger(block, ref position, 5));
                continue;
            }

            var nameIndex = ReadInteger(block, ref position, (first & 0xc0) == 0x40 ? 6 : 4);
            var name = nameIndex == 0 ? ReadString(block, ref position) : StaticNames[nameIndex];
            headers[name] = ReadString(block, ref position);
        }

        return headers;
    }

    private static int ReadInteger(byte[] block, ref int position, int prefixBits)
    {
        var max = (1 << prefixBits) - 1;
        var value = block[position++] & max;
        if (value < max)
        {
            return value;
        }

        for (var shift = 0; ; shift += 7)
        {
            var next = block[position++];
            value += (next & 0x7f) << shift;
            if ((next & 0x80) == 0)
            {
                return value;
            }
        }
    }

    private static string ReadString(byte[] block, ref int position)
    {
        Assert.True((block[position] & 0x80) == 0, "The server uses Huffman codes, which this peer does not read.");
        var length = ReadInteger(block, ref position, 7);
        position += length;
        return Encoding.ASCII.GetString(block, position - length, length);
    }

    private static void WriteString(MemoryStream block, string text)
    {
        if (text.Length < 127)
        {
            block.WriteByte((byte)text.Length);
        }
        else
        {
            block.WriteByte(127);
            var rest = text.Length - 127;
            for (; rest >= 128; rest >>= 7)
            {
                block.WriteByte((byte)(0x80 | (rest & 0x7f)));
            }

            block.WriteByte((byte)rest);
        }

        block.Write(Encoding.ASCII.GetBytes(text));
    }
}
