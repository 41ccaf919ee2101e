using System.Buffers.Binary;
using System.Net.Sockets;

namespace Kpm.Bench.Load;

/// <summary>
/// A cleartext HTTP/2 connection that writes whatever frames it is told to and keeps no rule. What comes back is thrown away
/// when it is asked for. Nothing is allocated once it is open: a collection in the attacker would show in the neighbour's figures.
/// </summary>
internal sealed class HostileConnection : IDisposable
{
    public const byte Data = 0, Headers = 1, Reset = 3, Ping = 6, Continuation = 9;
    public const byte EndStream = 0x1, EndHeaders = 0x4;

    private const int FrameHeader = 9;
    private const int LongestFrame = 16 * 1024;

    private readonly Socket _socket;
    private readonly byte[] _in = new byte[64 * 1024];
    private readonly byte[] _out = new byte[256 * 1024];
    private int _outEnd;

    public HostileConnection(Uri address)
    {
        _socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, SendTimeout = 2_000 };
        _socket.Connect(address.Host, address.Port);
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.CopyTo(_out);
        _outEnd = 24;
        Write(4, 0, 0, []);
        TryFlush();
    }

    /// <summary>The server has hung up.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>The next stream of this connection.</summary>
    public int NextStream { get; private set; } = 1;

    public int Open()
    {
        var stream = NextStream;
        NextStream += 2;
        return stream;
    }

    /// <summary>Queues a frame.</summary>
    public void Write(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        if (_outEnd + FrameHeader + payload.Length > _out.Length)
        {
            TryFlush();
        }

        var header = _out.AsSpan(_outEnd);
        header[0] = (byte)(payload.Length >> 16);
        header[1] = (byte)(payload.Length >> 8);
        header[2] = (byte)payload.Length;
        header[3] = type;
        header[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(header[5..], stream);
        payload.CopyTo(header[FrameHeader..]);
        _outEnd += FrameHeader + payload.Length;
    }

    /// <summary>Queues a header block or a body over as many frames as it needs; the last one has the flags.</summary>
    public void WriteLong(byte first, byte next, byte lastFlags, int stream, ReadOnlySpan<byte> payload)
    {
        for (var type = first; ; type = next)
        {
            var part = payload[..Math.Min(LongestFrame, payload.Length)];
            payload = payload[part.Length..];
            Write(type, payload.IsEmpty ? lastFlags : (byte)0, stream, part);
            if (payload.IsEmpty)
            {
                return;
            }
        }
    }

    /// <summary>Sends what is queued; false once the server has hung up, or takes nothing for two seconds.</summary>
    public bool TryFlush()
    {
        try
        {
            for (var sent = 0; !IsClosed && sent < _outEnd;)
            {
                sent += _socket.Send(_out.AsSpan(sent, _outEnd - sent));
            }
        }
        catch (SocketException)
        {
            IsClosed = true;
        }

        _outEnd = 0;
        return !IsClosed;
    }

    /// <summary>Throws away what has arrived, without waiting for more. False once the server has hung up.</summary>
    public bool Drain()
    {
        try
        {
            while (!IsClosed && _socket.Poll(0, SelectMode.SelectRead))
            {
                IsClosed = _socket.Receive(_in) == 0;
            }
        }
        catch (SocketException)
        {
            IsClosed = true;
        }

        return !IsClosed;
    }

    public void Dispose() => _socket.Dispose();
}
