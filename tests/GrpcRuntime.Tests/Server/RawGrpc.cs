using System.Buffers.Binary;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using GrpcRuntime.Tests.Protos;

namespace GrpcRuntime.Tests.Server;

/// <summary>gRPC as bare HTTP: the bodies, headers and trailers are the test's own.</summary>
internal static class RawGrpc
{
    public const string Unary = "/grpcruntime.tests.Echo/Unary";
    public const string Collect = "/grpcruntime.tests.Echo/Collect";
    public const string Expand = "/grpcruntime.tests.Echo/Expand";
    public const string Chat = "/grpcruntime.tests.Echo/Chat";

    public static byte[] Frame(byte[] message, byte flag = 0)
    {
        var frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    public static byte[] Frame(EchoRequest message) => Frame(message.ToByteArray());

    /// <summary>The messages of a body, with their flags.</summary>
    public static List<(byte Flag, byte[] Message)> Messages(byte[] body)
    {
        var messages = new List<(byte, byte[])>();
        for (var rest = body.AsSpan(); !rest.IsEmpty;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(rest[1..]);
            messages.Add((rest[0], rest.Slice(5, length).ToArray()));
            rest = rest[(5 + length)..];
        }

        return messages;
    }

    public static HttpRequestMessage Request(string path, HttpContent content, params (string Name, string Value)[] headers)
    {
        content.Headers.ContentType ??= new MediaTypeHeaderValue("application/grpc");
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Version = System.Net.HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        foreach (var (name, value) in headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        return request;
    }

    public static Task<RawResponse> PostAsync(this TestServer server, string path, byte[] body, params (string Name, string Value)[] headers) =>
        server.SendAsync(Request(path, new ByteArrayContent(body), headers));

    public static async Task<RawResponse> SendAsync(this TestServer server, HttpRequestMessage request)
    {
        using (request)
        using (var response = await server.Http.SendAsync(request, TestContext.Current.CancellationToken))
        {
            var body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            return new RawResponse((int)response.StatusCode, Flat(response.Headers, response.Content.Headers), body, Flat(response.TrailingHeaders));
        }
    }

    private static Dictionary<string, string> Flat(params HttpHeaders[] all) => all
        .SelectMany(headers => headers.NonValidated)
        .ToDictionary(header => header.Key, header => string.Join(',', header.Value), StringComparer.OrdinalIgnoreCase);
}

internal sealed record RawResponse(int HttpStatus, Dictionary<string, string> Headers, byte[] Body, Dictionary<string, string> Trailers)
{
    /// <summary>Whether the status came in the headers, and nothing after them.</summary>
    public bool IsTrailersOnly => Headers.ContainsKey("grpc-status") && Body.Length == 0 && Trailers.Count == 0;

    public StatusCode Status => (StatusCode)int.Parse(
        Trailers.GetValueOrDefault("grpc-status") ?? Headers["grpc-status"], System.Globalization.CultureInfo.InvariantCulture);

    public string? Message => Trailers.GetValueOrDefault("grpc-message") ?? Headers.GetValueOrDefault("grpc-message");

    public EchoReply Reply => EchoReply.Parser.ParseFrom(Assert.Single(RawGrpc.Messages(Body)).Message);

    public void AssertTrailersOnly(StatusCode status)
    {
        Assert.Equal(200, HttpStatus);
        Assert.Equal("application/grpc", Headers["content-type"]);
        Assert.True(IsTrailersOnly, "The response is not Trailers-Only.");
        Assert.Equal(status, Status);
    }
}
