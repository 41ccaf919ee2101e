using System.Buffers.Binary;

namespace GrpcRuntime.Tests.Interop;

/// <summary>The compressed flags of the messages that passed, in order: what neither API shows.</summary>
internal sealed class MessageFlags
{
    private readonly Lock _gate = new();
    private readonly List<byte> _all = [];
    private readonly byte[] _header = new byte[5];
    private int _headerLength;
    private long _payloadLeft;

    public IReadOnlyList<byte> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _all];
            }
        }
    }

    /// <summary>Takes note of bytes that passed, wherever their boundaries are.</summary>
    public void Saw(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            while (!bytes.IsEmpty)
            {
                if (_payloadLeft > 0)
                {
                    var passed = (int)Math.Min(_payloadLeft, bytes.Length);
                    _payloadLeft -= passed;
                    bytes = bytes[passed..];
                    continue;
                }

                _header[_headerLength++] = bytes[0];
                bytes = bytes[1..];
                if (_headerLength == _header.Length)
                {
                    _all.Add(_header[0]);
                    _payloadLeft = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(1));
                    _headerLength = 0;
                }
            }
        }
    }
}

/// <summary>A stream of gRPC messages that notes their flags.</summary>
internal sealed class FlagStream(Stream inner, MessageFlags flags) : Stream
{
    public override bool CanRead => inner.CanRead;

    public override bool CanSeek => false;

    public override bool CanWrite => inner.CanWrite;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        flags.Saw(buffer.Span[..read]);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        flags.Saw(buffer.Span);
        return inner.WriteAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

/// <summary>Notes the flags of what a channel sends and receives, all calls together: for one call at a time.</summary>
internal sealed class FlagHandler() : DelegatingHandler(new SocketsHttpHandler())
{
    public MessageFlags Sent { get; } = new();

    public MessageFlags Received { get; } = new();

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Content = new NotedContent(request.Content!, Sent);
        var response = await base.SendAsync(request, cancellationToken);
        var noted = new StreamContent(new FlagStream(await response.Content.ReadAsStreamAsync(cancellationToken), Received));
        foreach (var (name, values) in response.Content.Headers.NonValidated)
        {
            noted.Headers.TryAddWithoutValidation(name, values);
        }

        response.Content = noted;
        return response;
    }

    private sealed class NotedContent : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly MessageFlags _flags;

        public NotedContent(HttpContent inner, MessageFlags flags)
        {
            _inner = inner;
            _flags = flags;
            foreach (var (name, values) in inner.Headers.NonValidated)
            {
                Headers.TryAddWithoutValidation(name, values);
            }
        }

        protected override Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context, CancellationToken cancellationToken) =>
            _inner.CopyToAsync(new FlagStream(stream, _flags), context, cancellationToken);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
