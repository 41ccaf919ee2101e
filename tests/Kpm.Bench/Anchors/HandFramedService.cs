using Google.Protobuf;
using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Kpm.Bench.Load;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kpm.Bench.Anchors;

/// <summary>
/// The least that an endpoint on Kestrel can do: an echo that knows nothing of gRPC, and the echo service with its frames
/// read and written by hand. Like any streaming server they flush each message.
/// </summary>
internal static class HandFramedService
{
    public const int StreamedMessages = 1_000;

    private static readonly byte[] StreamedFrame = RawRequest.Frame(EchoGrpcService.StreamedMessage.ToByteArray());

    public static async Task HandleAsync(HttpContext http)
    {
        switch (http.Request.Path.Value)
        {
            case "/bare":
                await EchoWholeAsync(http);
                break;
            case EchoGrpcService.Path + "Echo":
                http.Response.ContentType = "application/grpc";
                await EchoWholeAsync(http);
                End(http);
                break;
            case EchoGrpcService.Path + "PingPong":
                http.Response.ContentType = "application/grpc";
                await PingPongAsync(http.Request.BodyReader, http.Response.BodyWriter, http.RequestAborted);
                End(http);
                break;
            case EchoGrpcService.Path + "ServerStream":
                http.Response.ContentType = "application/grpc";
                await DrainAsync(http.Request.BodyReader, http.RequestAborted);
                for (var i = 0; i < StreamedMessages; i++)
                {
                    http.Response.BodyWriter.Write(StreamedFrame);
                    await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
                }

                End(http);
                break;
            default:
                http.Response.StatusCode = StatusCodes.Status404NotFound;
                break;
        }
    }

    private static void End(HttpContext http) => http.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers["grpc-status"] = "0";

    private static async Task EchoWholeAsync(HttpContext http)
    {
        var reader = http.Request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(http.RequestAborted);
            if (result.IsCompleted)
            {
                foreach (var segment in result.Buffer)
                {
                    http.Response.BodyWriter.Write(segment.Span);
                }

                reader.AdvanceTo(result.Buffer.End);
                return;
            }

            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    private static async Task DrainAsync(PipeReader reader, CancellationToken cancel)
    {
        while (true)
        {
            var result = await reader.ReadAsync(cancel);
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return;
            }
        }
    }

    private static async Task PingPongAsync(PipeReader reader, PipeWriter writer, CancellationToken cancel)
    {
        while (true)
        {
            var result = await reader.ReadAsync(cancel);
            var buffer = result.Buffer;
            while (TryTakeFrame(ref buffer, out var frame))
            {
                foreach (var segment in frame)
                {
                    writer.Write(segment.Span);
                }

                await writer.FlushAsync(cancel);
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
            {
                return;
            }
        }
    }

    private static bool TryTakeFrame(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> frame)
    {
        frame = default;
        if (buffer.Length < 5)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[5];
        buffer.Slice(0, 5).CopyTo(prefix);
        var length = 5 + (long)BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (buffer.Length < length)
        {
            return false;
        }

        frame = buffer.Slice(0, length);
        buffer = buffer.Slice(length);
        return true;
    }
}
