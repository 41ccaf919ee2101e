using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Kpm.Bench.Load;

/// <summary>
/// The client side of one cleartext HTTP/2 connection, as little of it as a load driver needs: prepared requests go out,
/// DATA bytes and ends of streams are counted. Header blocks of responses are skipped (nothing here depends on the peer's
/// HPACK state); what a response was is told by its exact length. One thread drives it.
/// </summary>
internal sealed class RawConnection : IDisposable
{
    private const int FrameHeader = 9;
    private const int LargestWindow = int.MaxValue;
    private const int ReplenishAt = 1 << 29;
    private const byte EndStream = 0x1, EndHeaders = 0x4, Ack = 0x1, Padded = 0x8;

    private readonly Socket _socket;
    private readonly RawRequest _request;
    private readonly Dictionary<int, StreamState> _streams = [];
    private readonly byte[] _in = new byte[512 * 1024];
    private byte[] _out = new byte[256 * 1024];
    private int _inEnd;
    private int _outEnd;
    private int _nextStream = 1;
    private int _consumed;
    private readonly Queue<(int Stream, bool EndStream)> _waiting = new();
    private long _sendWindow = 65_535;
    private long _initialStreamWindow = 65_535;
    private bool _settled;

    public RawConnection(Uri address, RawRequest request)
    {
        _request = request;
        _socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 20_000 };
        _socket.Connect(address.Host, address.Port);
        Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        Span<byte> settings = stackalloc byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(settings, 2); // ENABLE_PUSH = 0
        BinaryPrimitives.WriteUInt16BigEndian(settings[6..], 4); // INITIAL_WINDOW_SIZE
        BinaryPrimitives.WriteUInt32BigEndian(settings[8..], LargestWindow);
        WriteFrame(4, 0, 0, settings);
        WriteWindowUpdate(0, LargestWindow - 65_535);
        Flush();
        while (!_settled)
        {
            Receive();
        }

        Flush();
    }

    /// <summary>A stream ended; the argument is its number.</summary>
    public Action<int>? Ended { get; set; }

    /// <summary>DATA arrived on a stream; the argument is its number.</summary>
    public Action<int>? DataArrived { get; set; }

    public Socket Socket => _socket;

    /// <summary>Bytes of DATA that a stream has received.</summary>
    public long Received(int stream) => State(stream).Data;

    /// <summary>When the stream, or its last message, was sent.</summary>
    public long SentAt(int stream) => State(stream).Sent;

    /// <summary>Queues a request with its body and returns the stream's number.</summary>
    public int Send(bool endStream = true)
    {
        var stream = _nextStream;
        _nextStream += 2;
        _streams.Add(stream, default);
        WriteFrame(1, EndHeaders, stream, stream == 1 ? _request.FirstHeaders : _request.NextHeaders);
        SendMessage(stream, endStream);
        return stream;
    }

    /// <summary>Queues the body once more on an open stream; it waits here for as long as the peer's windows are used up.</summary>
    public void SendMessage(int stream, bool endStream = false)
    {
        ref var state = ref State(stream);
        state.Sent = Stopwatch.GetTimestamp();
        if (_sendWindow < _request.Body.Length || _initialStreamWindow + state.Window < _request.Body.Length)
        {
            _waiting.Enqueue((stream, endStream));
            return;
        }

        _sendWindow -= _request.Body.Length;
        state.Window -= _request.Body.Length;
        WriteFrame(0, endStream ? EndStream : (byte)0, stream, _request.Body);
    }

    /// <summary>Queues the end of the request.</summary>
    public void SendEnd(int stream) => WriteFrame(0, EndStream, stream, []);

    public void Flush()
    {
        for (var sent = 0; sent < _outEnd;)
        {
            sent += _socket.Send(_out.AsSpan(sent, _outEnd - sent));
        }

        _outEnd = 0;
    }

    /// <summary>Takes what has arrived, waiting for it if nothing has, and reports it.</summary>
    public void Receive()
    {
        var read = _socket.Receive(_in.AsSpan(_inEnd));
        if (read == 0)
        {
            throw new InvalidOperationException("The peer closed the connection.");
        }

        _inEnd += read;
        var at = 0;
        while (_inEnd - at >= FrameHeader)
        {
            var length = (_in[at] << 16) | (_in[at + 1] << 8) | _in[at + 2];
            if (_inEnd - at < FrameHeader + length)
            {
                break;
            }

            var stream = (int)(BinaryPrimitives.ReadUInt32BigEndian(_in.AsSpan(at + 5)) & 0x7fff_ffff);
            OnFrame(_in[at + 3], _in[at + 4], stream, _in.AsSpan(at + FrameHeader, length));
            at += FrameHeader + length;
        }

        _in.AsSpan(at, _inEnd - at).CopyTo(_in);
        _inEnd -= at;
    }

    public void Dispose() => _socket.Dispose();

    private void OnFrame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case 0:
                OnData(stream, flags, payload);
                break;
            case 1:
                EndIf(stream, flags);
                break;
            case 3:
                throw new InvalidOperationException($"Stream {stream} was reset with {BinaryPrimitives.ReadUInt32BigEndian(payload)}.");
            case 4 when (flags & Ack) == 0:
                OnSettings(payload);
                WriteFrame(4, Ack, 0, []);
                break;
            case 6 when (flags & Ack) == 0:
                WriteFrame(6, Ack, 0, payload);
                break;
            case 7:
                throw new InvalidOperationException($"The peer goes away with {BinaryPrimitives.ReadUInt32BigEndian(payload[4..])}.");
            case 8:
                OnWindowUpdate(stream, BinaryPrimitives.ReadInt32BigEndian(payload));
                break;
        }
    }

    private void OnSettings(ReadOnlySpan<byte> payload)
    {
        _settled = true;
        for (; payload.Length >= 6; payload = payload[6..])
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(payload) == 4)
            {
                _initialStreamWindow = BinaryPrimitives.ReadInt32BigEndian(payload[2..]);
            }
        }
    }

    private void OnWindowUpdate(int stream, int increment)
    {
        if (stream == 0)
        {
            _sendWindow += increment;
        }
        else if (_streams.ContainsKey(stream))
        {
            State(stream).Window += increment;
        }

        for (var i = _waiting.Count; i > 0; i--)
        {
            var (waiting, endStream) = _waiting.Dequeue();
            var sent = State(waiting).Sent;
            SendMessage(waiting, endStream);
            State(waiting).Sent = sent;
        }
    }

    private void OnData(int stream, byte flags, ReadOnlySpan<byte> payload)
    {
        ref var state = ref State(stream);
        state.Data += payload.Length - ((flags & Padded) != 0 ? payload[0] + 1 : 0);
        Replenish(0, ref _consumed, payload.Length);
        Replenish(stream, ref state.Unreported, payload.Length);
        if (payload.Length > 0)
        {
            DataArrived?.Invoke(stream);
        }

        EndIf(stream, flags);
    }

    private void Replenish(int stream, ref int consumed, int length)
    {
        consumed += length;
        if (consumed >= ReplenishAt)
        {
            WriteWindowUpdate(stream, consumed);
            consumed = 0;
        }
    }

    private void EndIf(int stream, byte flags)
    {
        if ((flags & EndStream) != 0)
        {
            Ended?.Invoke(stream);
            _streams.Remove(stream);
        }
    }

    private ref StreamState State(int stream)
    {
        ref var state = ref CollectionsMarshal.GetValueRefOrNullRef(_streams, stream);
        if (Unsafe.IsNullRef(ref state))
        {
            throw new InvalidOperationException($"Stream {stream} is not open.");
        }

        return ref state;
    }

    private void WriteWindowUpdate(int stream, int increment)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(payload, increment);
        WriteFrame(8, 0, stream, payload);
    }

    private void WriteFrame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        Span<byte> header = stackalloc byte[FrameHeader];
        header[0] = (byte)(payload.Length >> 16);
        header[1] = (byte)(payload.Length >> 8);
        header[2] = (byte)payload.Length;
        header[3] = type;
        header[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(header[5..], stream);
        Write(header);
        Write(payload);
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        if (_outEnd + bytes.Length > _out.Length)
        {
            Array.Resize(ref _out, (_outEnd + bytes.Length) * 2);
        }

        bytes.CopyTo(_out.AsSpan(_outEnd));
        _outEnd += bytes.Length;
    }

    private struct StreamState
    {
        public long Data;
        public int Unreported;
        public long Window;
        public long Sent;
    }
}
