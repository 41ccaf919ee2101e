using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using GrpcRuntime.Tests.Protos;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace GrpcRuntime.Tests.Server;

/// <summary>What the server makes of the headers of a request.</summary>
public sealed class RequestRulesTests
{
    private static readonly byte[] Hello = RawGrpc.Frame(new EchoRequest { Text = "hello" });

    [Theory]
    [InlineData("application/grpc")]
    [InlineData("application/grpc+proto")]
    [InlineData("application/grpc;charset=utf-8")]
    [InlineData("Application/GRPC+Proto")]
    public async Task Content_types_of_protobuf_are_served(string contentType)
    {
        await using var server = await TestServer.StartAsync();

        var response = await server.SendAsync(WithContentType(contentType));

        Assert.Equal(200, response.HttpStatus);
        Assert.Equal("application/grpc", response.Headers["content-type"]);
        Assert.Equal(StatusCode.OK, response.Status);
        Assert.Equal("hello", response.Reply.Text);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/grpc+json")]
    [InlineData("application/grpcx")]
    [InlineData("text/plain")]
    [InlineData(null)]
    public async Task Other_content_types_get_415(string? contentType)
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = (_, _) => throw new InvalidOperationException("The handler must not run.");

        var response = await server.SendAsync(WithContentType(contentType));

        Assert.Equal(415, response.HttpStatus);
        Assert.Equal(StatusCode.Internal, response.Status);
        Assert.True(response.IsTrailersOnly);
    }

    [Fact]
    public async Task Http_1_1_is_told_to_upgrade()
    {
        await using var server = await TestServer.StartAsync(protocols: HttpProtocols.Http1);
        var request = RawGrpc.Request(RawGrpc.Unary, new ByteArrayContent(Hello));
        request.Version = HttpVersion.Version11;

        var response = await server.SendAsync(request);

        Assert.Equal(426, response.HttpStatus);
        Assert.Equal("HTTP/2", response.Headers["upgrade"]);
        Assert.Contains("HTTP/1.1", response.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_get_is_not_allowed()
    {
        await using var server = await TestServer.StartAsync();
        var request = RawGrpc.Request(RawGrpc.Unary, new ByteArrayContent([]));
        request.Method = HttpMethod.Get;

        Assert.Equal(405, (await server.SendAsync(request)).HttpStatus);
    }

    [Theory]
    [InlineData("/grpcruntime.tests.Echo/Nothing")]
    [InlineData("/grpcruntime.tests.Nobody/Unary")]
    [InlineData("/grpcruntime.tests.echo/unary")]
    public async Task Unknown_services_and_methods_are_unimplemented(string path)
    {
        await using var server = await TestServer.StartAsync();

        (await server.PostAsync(path, Hello)).AssertTrailersOnly(StatusCode.Unimplemented);
    }

    [Fact]
    public async Task Unknown_services_are_left_to_the_application_when_it_wants_them()
    {
        await using var server = await TestServer.StartAsync(options => options.IgnoreUnknownServices = true);

        Assert.Equal(404, (await server.PostAsync("/grpcruntime.tests.Nobody/Unary", Hello)).HttpStatus);
    }

    [Theory]
    [InlineData("1H")]
    [InlineData("99999999M")]
    [InlineData("9999999H")]
    [InlineData("20S")]
    [InlineData("20000m")]
    [InlineData("20000000u")]
    public async Task Timeouts_of_every_unit_become_a_deadline(string timeout)
    {
        await using var server = await TestServer.StartAsync();
        var deadline = DateTime.MaxValue;
        server.Hooks.Unary = (_, context) =>
        {
            deadline = context.Deadline;
            return Task.FromResult(new EchoReply());
        };

        var response = await server.PostAsync(RawGrpc.Unary, Hello, ("grpc-timeout", timeout));

        Assert.Equal(StatusCode.OK, response.Status);
        Assert.NotEqual(DateTime.MaxValue, deadline);
        Assert.Equal(DateTimeKind.Utc, deadline.Kind);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("S")]
    [InlineData("-1S")]
    [InlineData("+1S")]
    [InlineData("1.5S")]
    [InlineData("123456789S")]
    [InlineData("1s")]
    [InlineData("1 S")]
    public async Task Malformed_timeouts_are_internal(string timeout)
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = (_, _) => throw new InvalidOperationException("The handler must not run.");

        (await server.PostAsync(RawGrpc.Unary, Hello, ("grpc-timeout", timeout))).AssertTrailersOnly(StatusCode.Internal);
    }

    [Fact]
    public async Task An_unknown_encoding_is_unimplemented_even_when_no_message_is_compressed()
    {
        await using var server = await TestServer.StartAsync();

        var response = await server.PostAsync(RawGrpc.Unary, Hello, ("grpc-encoding", "snappy"));

        response.AssertTrailersOnly(StatusCode.Unimplemented);
        Assert.Equal("identity,gzip,deflate", response.Headers["grpc-accept-encoding"]);
    }

    [Fact]
    public async Task Binary_headers_come_padded_and_unpadded_and_joined_with_commas()
    {
        await using var server = await TestServer.StartAsync();
        byte[][] values = [];
        server.Hooks.Unary = (_, context) =>
        {
            values = [.. context.RequestHeaders.GetAll("x-data-bin").Select(entry => entry.ValueBytes)];
            return Task.FromResult(new EchoReply());
        };

        var response = await server.PostAsync(RawGrpc.Unary, Hello, ("x-data-bin", "AQ==,AQI"), ("x-data-bin", "AQID, "), ("x-data-bin", "/+8="));

        Assert.Equal(StatusCode.OK, response.Status);
        Assert.Equal([[1], [1, 2], [1, 2, 3], [], [255, 239]], values);
    }

    [Fact]
    public async Task A_binary_header_that_is_no_base64_is_internal()
    {
        await using var server = await TestServer.StartAsync();

        var response = await server.PostAsync(RawGrpc.Unary, Hello, ("x-data-bin", "*not base64*"));

        response.AssertTrailersOnly(StatusCode.Internal);
    }

    [Fact]
    public async Task The_protocols_own_headers_are_no_metadata()
    {
        await using var server = await TestServer.StartAsync();
        string[] keys = [];
        server.Hooks.Unary = (_, context) =>
        {
            keys = [.. context.RequestHeaders.Select(entry => entry.Key)];
            return Task.FromResult(new EchoReply());
        };

        await server.PostAsync(RawGrpc.Unary, Hello, ("grpc-timeout", "10S"), ("grpc-encoding", "identity"), ("X-Own", "1"), ("user-agent", "me/1"));

        Assert.Equal(["user-agent", "x-own"], keys.Order());
    }

    [Fact]
    public async Task Large_metadata_goes_both_ways()
    {
        await using var server = await TestServer.StartAsync();
        var text = new string('a', 8_000);
        var bytes = Convert.ToBase64String(Enumerable.Range(0, 6_000).Select(i => (byte)i).ToArray()).TrimEnd('=');

        var response = await server.PostAsync(RawGrpc.Unary, Hello, ("x-echo-text", text), ("x-trail-bin", bytes));

        Assert.Equal(text, response.Headers["x-echo-text"]);
        Assert.Equal(bytes, response.Trailers["x-trail-bin"]);
        Assert.Equal(StatusCode.OK, response.Status);
    }

    private static HttpRequestMessage WithContentType(string? contentType)
    {
        var content = new ByteArrayContent(Hello);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        var request = RawGrpc.Request(RawGrpc.Unary, content);
        content.Headers.Remove("content-type");
        if (contentType is not null)
        {
            Assert.True(content.Headers.TryAddWithoutValidation("content-type", contentType));
        }

        return request;
    }
}
