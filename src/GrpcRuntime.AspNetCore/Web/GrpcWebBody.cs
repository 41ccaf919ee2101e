using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.AspNetCore.Web;

/// <summary>
/// The bodies of a gRPC-Web call: base64 in both directions for the text format, and trailers as a last frame of the
/// response's body, since browsers do not show those of HTTP.
/// </summary>
internal sealed class GrpcWebBody : IHttpResponseBodyFeature, IHttpResponseTrailersFeature, IRequestBodyPipeFeature
{
    private const byte TrailerFlag = 0x80;

    private readonly IHttpResponseBodyFeature _inner;
    private readonly PipeWriter _writer;
    private readonly PipeReader? _reader;
    private bool _trailersWritten;

    /// <summary>For the text format with the reader of the request, for the binary format without.</summary>
    public GrpcWebBody(IHttpResponseBodyFeature inner, PipeReader? textRequest)
    {
        _inner = inner;
        _writer = textRequest is null ? inner.Writer : PipeWriter.Create(new Base64WriteStream(inner.Writer));
        _reader = textRequest is null ? null : PipeReader.Create(new Base64ReadStream(textRequest));
    }

    public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();

    public Stream Stream => _writer.AsStream();

    public PipeWriter Writer => _writer;

    PipeReader IRequestBodyPipeFeature.Reader => _reader!;

    public void DisableBuffering() => _inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => _inner.StartAsync(cancellationToken);

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("A gRPC-Web response has messages only.");

    public async Task CompleteAsync()
    {
        await WriteTrailersAsync();
        await _inner.CompleteAsync();
    }

    /// <summary>Ends the response's body with the trailers, once; there are none when the status went into the headers.</summary>
    public async Task WriteTrailersAsync()
    {
        if (_trailersWritten || Trailers.Count == 0)
        {
            return;
        }

        _trailersWritten = true;
        var block = new StringBuilder();
        foreach (var (name, values) in Trailers)
        {
            foreach (var value in values)
            {
                block.Append(name.ToLowerInvariant()).Append(": ").Append(value).Append("\r\n");
            }
        }

        var bytes = Encoding.ASCII.GetBytes(block.ToString());
        var span = _writer.GetSpan(MessageFrame.HeaderSize);
        MessageFrame.WriteHeader(span, compressed: false, (uint)bytes.Length);
        span[0] = TrailerFlag;
        _writer.Advance(MessageFrame.HeaderSize);
        _writer.Write(bytes);
        await _writer.FlushAsync(CancellationToken.None);
    }
}
