using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Google.Protobuf;
using Grpc.AspNetCore.Web;
using Grpc.Core;
using GrpcRuntime.Tests.Protos;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace GrpcRuntime.Tests.Server;

/// <summary>gRPC-Web over HTTP/1.1 and HTTP/2, as browsers speak it.</summary>
public sealed class GrpcWebTests
{
    private const string Binary = "application/grpc-web+proto";
    private const string Text = "application/grpc-web-text";

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task A_unary_call_in_the_binary_format(HttpProtocols protocol)
    {
        await using var server = await StartAsync(protocol);

        var (response, frames) = await PostAsync(server, protocol, RawGrpc.Unary, Binary, RawGrpc.Frame(new EchoRequest { Text = "hello" }));

        Assert.Equal(Binary, response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("hello", EchoReply.Parser.ParseFrom(frames[0].Message).Text);
        Assert.Equal((0x80, "grpc-status: 0\r\n"), (frames[1].Flag, Encoding.ASCII.GetString(frames[1].Message)));
        Assert.Empty(response.TrailingHeaders);
    }

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task A_stream_in_the_text_format(HttpProtocols protocol)
    {
        await using var server = await StartAsync(protocol);
        // Lengths that leave one and two bytes over.
        for (var length = 0; length < 4; length++)
        {
            var frame = RawGrpc.Frame(new EchoRequest { Text = new string('x', length), Count = 3 });

            var (response, frames) = await PostAsync(server, protocol, RawGrpc.Expand, Text, Encoding.ASCII.GetBytes(Convert.ToBase64String(frame)));

            Assert.Equal("application/grpc-web-text+proto", response.Content.Headers.ContentType!.MediaType);
            Assert.Equal([0, 1, 2], frames[..3].Select(each => EchoReply.Parser.ParseFrom(each.Message).Index));
            Assert.Equal("grpc-status: 0\r\n", Encoding.ASCII.GetString(frames[3].Message));
        }
    }

    [Fact]
    public async Task Text_with_padding_in_the_middle_is_one_message()
    {
        await using var server = await StartAsync(HttpProtocols.Http1);
        var request = new EchoRequest { Payload = ByteString.CopyFrom(Enumerable.Range(0, 50_000).Select(i => (byte)i).ToArray()) };
        var frame = RawGrpc.Frame(request);
        var body = new StringBuilder();
        for (int at = 0, step = 1; at < frame.Length; at += step, step = (step * 3) + 1)
        {
            body.Append(Convert.ToBase64String(frame, at, Math.Min(step, frame.Length - at)));
        }

        var (_, frames) = await PostAsync(server, HttpProtocols.Http1, RawGrpc.Unary, Text, Encoding.ASCII.GetBytes(body.ToString()));

        Assert.Equal(request.Payload, EchoReply.Parser.ParseFrom(frames[0].Message).Payload);
    }

    [Theory]
    [InlineData("AAAA!AAA")]
    [InlineData("AAAAAAE")]
    public async Task Text_that_is_no_base64_is_an_error_and_no_crash(string body)
    {
        await using var server = await StartAsync(HttpProtocols.Http1);

        var (response, _) = await PostAsync(server, HttpProtocols.Http1, RawGrpc.Unary, Text, Encoding.ASCII.GetBytes(body));

        Assert.Equal("13", response.Headers.GetValues("grpc-status").Single());
    }

    [Fact]
    public async Task An_immediate_error_has_its_status_in_the_headers()
    {
        await using var server = await StartAsync(HttpProtocols.Http1);
        server.Hooks.Unary = (_, _) => throw new RpcException(new Status(StatusCode.NotFound, "nö"));

        var (response, frames) = await PostAsync(server, HttpProtocols.Http1, RawGrpc.Unary, Binary, RawGrpc.Frame([]));

        Assert.Empty(frames);
        Assert.Equal(("5", "n%C3%B6"), (response.Headers.GetValues("grpc-status").Single(), response.Headers.GetValues("grpc-message").Single()));
    }

    [Fact]
    public async Task An_error_after_messages_is_in_the_last_frame()
    {
        await using var server = await StartAsync(HttpProtocols.Http1);

        var (_, frames) = await PostAsync(
            server, HttpProtocols.Http1, RawGrpc.Expand, Binary, RawGrpc.Frame(new EchoRequest { Count = 1, StatusCode = 9, StatusDetail = "no" }));

        Assert.Equal(2, frames.Count);
        var trailers = Encoding.ASCII.GetString(frames[1].Message);
        Assert.Contains("grpc-status: 9\r\n", trailers, StringComparison.Ordinal);
        Assert.Contains("grpc-message: no\r\n", trailers, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deadline_ends_the_response_with_its_status()
    {
        await using var server = await StartAsync(HttpProtocols.Http1);
        server.Hooks.Expand = async (_, responses, context) =>
        {
            await responses.WriteAsync(new EchoReply(), CancellationToken.None);
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        };

        var (_, frames) = await PostAsync(
            server, HttpProtocols.Http1, RawGrpc.Expand, Text, Encoding.ASCII.GetBytes(Convert.ToBase64String(RawGrpc.Frame([]))), ("grpc-timeout", "200m"));

        Assert.Equal(2, frames.Count);
        Assert.Contains("grpc-status: 4\r\n", Encoding.ASCII.GetString(frames[1].Message), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_method_that_is_not_enabled_is_refused()
    {
        await using var server = await TestServer.StartAsync(map: app => app.UseGrpcWeb(), protocols: HttpProtocols.Http1);

        var (response, _) = await PostAsync(server, HttpProtocols.Http1, RawGrpc.Unary, Binary, RawGrpc.Frame([]));

        Assert.Equal(HttpStatusCode.UpgradeRequired, response.StatusCode);
    }

    [Fact]
    public async Task A_page_of_another_origin_may_call()
    {
        await using var server = await TestServer.StartAsync(
            services: services => services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
                .WithOrigins("https://app.example")
                .WithMethods("POST")
                .AllowAnyHeader()
                .WithExposedHeaders("grpc-status", "grpc-message", "grpc-encoding", "grpc-accept-encoding"))),
            map: app =>
            {
                app.UseGrpcWeb(new GrpcWebOptions { DefaultEnabled = true });
                app.UseCors();
            },
            protocols: HttpProtocols.Http1);
        using var preflight = new HttpRequestMessage(HttpMethod.Options, RawGrpc.Unary);
        preflight.Headers.Add("origin", "https://app.example");
        preflight.Headers.Add("access-control-request-method", "POST");
        preflight.Headers.Add("access-control-request-headers", "content-type,x-grpc-web");
        using var allowed = await server.Http.SendAsync(preflight, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.NoContent, allowed.StatusCode);
        Assert.Equal("https://app.example", Assert.Single(allowed.Headers.GetValues("access-control-allow-origin")));
        Assert.Equal("POST", Assert.Single(allowed.Headers.GetValues("access-control-allow-methods")));
        var (response, frames) = await PostAsync(
            server, HttpProtocols.Http1, RawGrpc.Unary, Binary, RawGrpc.Frame(new EchoRequest { Text = "hello" }), ("origin", "https://app.example"));
        Assert.Contains("grpc-status", Assert.Single(response.Headers.GetValues("access-control-expose-headers")), StringComparison.Ordinal);
        Assert.Equal("hello", EchoReply.Parser.ParseFrom(frames[0].Message).Text);

        // Another page gets no leave: its browser does not hand the response out.
        var (strange, _) = await PostAsync(server, HttpProtocols.Http1, RawGrpc.Unary, Binary, RawGrpc.Frame([]), ("origin", "https://other.example"));
        Assert.False(strange.Headers.Contains("access-control-allow-origin"));
    }

    private static Task<TestServer> StartAsync(HttpProtocols protocol) => TestServer.StartAsync(
        map: app => app.UseGrpcWeb(new GrpcWebOptions { DefaultEnabled = true }), protocols: protocol);

    private static async Task<(HttpResponseMessage Response, List<(byte Flag, byte[] Message)> Frames)> PostAsync(
        TestServer server, HttpProtocols protocol, string path, string contentType, byte[] body, params (string Name, string Value)[] headers)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        using var request = RawGrpc.Request(path, content, headers);
        request.Version = protocol == HttpProtocols.Http1 ? HttpVersion.Version11 : HttpVersion.Version20;
        var response = await server.Http.SendAsync(request, TestContext.Current.CancellationToken);
        var bytes = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        return (response, RawGrpc.Messages(contentType == Text ? Decode(Encoding.ASCII.GetString(bytes)) : bytes));
    }

    /// <summary>Parts, each with its own padding.</summary>
    private static byte[] Decode(string text)
    {
        var plain = new List<byte>();
        for (var at = 0; at < text.Length; at += 4)
        {
            plain.AddRange(Convert.FromBase64String(text.Substring(at, 4)));
        }

        return [.. plain];
    }
}
