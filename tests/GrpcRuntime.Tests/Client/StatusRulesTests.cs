using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Http;

namespace GrpcRuntime.Tests.Client;

/// <summary>What the client makes of a server that fails, or breaks the protocol.</summary>
public sealed class StatusRulesTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(400, StatusCode.Internal)]
    [InlineData(401, StatusCode.Unauthenticated)]
    [InlineData(403, StatusCode.PermissionDenied)]
    [InlineData(404, StatusCode.Unimplemented)]
    [InlineData(429, StatusCode.Unavailable)]
    [InlineData(500, StatusCode.Unknown)]
    [InlineData(502, StatusCode.Unavailable)]
    [InlineData(503, StatusCode.Unavailable)]
    [InlineData(504, StatusCode.Unavailable)]
    [InlineData(204, StatusCode.Unknown)]
    [InlineData(302, StatusCode.Unknown)]
    [InlineData(418, StatusCode.Unknown)]
    public async Task An_http_status_is_mapped(int httpStatus, StatusCode expected)
    {
        await using var peer = await RawPeer.StartAsync(context =>
        {
            context.Response.StatusCode = httpStatus;
            context.Response.ContentType = "text/html";
            return Task.CompletedTask;
        });
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(expected);
        await channel.CallServerStream().ResponseStream.MoveNext(Stop).FailsAsync(expected);
    }

    [Fact]
    public async Task A_grpc_status_goes_before_an_http_status()
    {
        await using var peer = await RawPeer.StartAsync(context =>
        {
            context.Begin();
            context.Response.StatusCode = 503;
            context.Response.Headers["grpc-status"] = "8";
            return Task.CompletedTask;
        });
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.ResourceExhausted);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/grpc+json")]
    [InlineData("application/grpc-web+proto")]
    [InlineData(null)]
    public async Task A_foreign_content_type_is_unknown(string? contentType)
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Response.ContentType = contentType;
            await context.SendAsync(Raw.Frame("hello"));
            context.End(0);
        });
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unknown);
    }

    [Fact]
    public async Task An_immediate_error_has_its_status_text_and_metadata_in_the_headers()
    {
        await using var peer = await RawPeer.StartAsync(context =>
        {
            context.Begin();
            context.Response.Headers["grpc-status"] = "9";
            context.Response.Headers["grpc-message"] = "n%C3%B6 %25";
            context.Response.Headers["x-why"] = "because";
            context.Response.Headers["grpc-status-details-bin"] = "CAk";
            return Task.CompletedTask;
        });
        using var channel = peer.Channel();
        using var call = channel.Call();

        var error = await call.ResponseAsync.FailsAsync(StatusCode.FailedPrecondition);

        Assert.Equal("nö %", error.Status.Detail);
        Assert.Equal("because", error.Trailers.GetValue("x-why"));
        Assert.Equal([8, 9], error.Trailers.GetValueBytes("grpc-status-details-bin"));
        Assert.Equal("because", (await call.ResponseHeadersAsync).GetValue("x-why"));
        Assert.Equal("because", call.GetTrailers().GetValue("x-why"));
        Assert.Equal(StatusCode.FailedPrecondition, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_body_after_a_status_in_the_headers_is_refused()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            context.Response.Headers["grpc-status"] = "0";
            await context.SendAsync(Raw.Frame("hello"));
        });
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Internal);
        await channel.CallServerStream().ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Internal);
    }

    [Fact]
    public async Task A_status_in_trailers_goes_before_one_in_headers()
    {
        await using var peer = await RawPeer.StartAsync(context =>
        {
            context.Begin();
            context.Response.Headers["grpc-status"] = "8";
            context.End(9, null, ("foo", "bar"));
            return Task.CompletedTask;
        });
        using var channel = peer.Channel();

        var error = await channel.Call().ResponseAsync.FailsAsync(StatusCode.FailedPrecondition);
        Assert.Equal("bar", error.Trailers.GetValue("foo"));
    }

    [Fact]
    public async Task An_ok_without_a_body_is_an_empty_stream_but_no_response()
    {
        await using var peer = await RawPeer.StartAsync(context =>
        {
            context.Begin();
            context.Response.Headers["grpc-status"] = "0";
            return Task.CompletedTask;
        });
        using var channel = peer.Channel();
        using var stream = channel.CallServerStream();

        Assert.False(await stream.ResponseStream.MoveNext(Stop));
        Assert.Equal(StatusCode.OK, stream.GetStatus().StatusCode);
        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unimplemented);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Other_than_one_response_is_unimplemented(int messages)
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            await context.ReadAllAsync();
            context.Begin();
            for (var i = 0; i < messages; i++)
            {
                await context.SendAsync(Raw.Frame("x"));
            }

            context.End(0);
        });
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unimplemented);
        var stream = channel.CallClientStream();
        await stream.RequestStream.CompleteAsync();
        await stream.ResponseAsync.FailsAsync(StatusCode.Unimplemented);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task An_error_status_needs_no_response_and_goes_before_one(int messages)
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            for (var i = 0; i < messages; i++)
            {
                await context.SendAsync(Raw.Frame("x"));
            }

            context.End(5, "not here", ("x-t", "1"));
        });
        using var channel = peer.Channel();

        var error = await channel.Call().ResponseAsync.FailsAsync(StatusCode.NotFound);
        Assert.Equal(("not here", "1"), (error.Status.Detail, error.Trailers.GetValue("x-t")));
    }

    [Fact]
    public async Task A_missing_status_is_unknown_after_the_messages_that_came()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.SendAsync(Raw.Frame("x"));
        });
        using var channel = peer.Channel();
        using var stream = channel.CallServerStream();

        Assert.True(await stream.ResponseStream.MoveNext(Stop));
        await stream.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Unknown);
        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unknown);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(9)]
    public async Task A_body_that_ends_within_a_message_is_internal(int bytes)
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.SendAsync([.. Raw.Frame("first"), .. Raw.Frame("second")[..bytes]]);
            context.End(0);
        });
        using var channel = peer.Channel();
        using var stream = channel.CallServerStream();

        Assert.True(await stream.ResponseStream.MoveNext(Stop));
        Assert.Equal("first", stream.ResponseStream.Current);
        if (bytes == 0)
        {
            Assert.False(await stream.ResponseStream.MoveNext(Stop));
        }
        else
        {
            await stream.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Internal);
        }
    }

    [Theory]
    [InlineData(0, StatusCode.Internal)] // NO_ERROR
    [InlineData(1, StatusCode.Internal)] // PROTOCOL_ERROR
    [InlineData(2, StatusCode.Internal)] // INTERNAL_ERROR
    [InlineData(3, StatusCode.Internal)] // FLOW_CONTROL_ERROR
    [InlineData(6, StatusCode.Internal)] // FRAME_SIZE_ERROR
    [InlineData(8, StatusCode.Cancelled)] // CANCEL
    [InlineData(9, StatusCode.Internal)] // COMPRESSION_ERROR
    [InlineData(11, StatusCode.ResourceExhausted)] // ENHANCE_YOUR_CALM
    [InlineData(12, StatusCode.PermissionDenied)] // INADEQUATE_SECURITY
    [InlineData(99, StatusCode.Internal)]
    public async Task A_reset_is_mapped_before_and_after_the_headers(int errorCode, StatusCode expected)
    {
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            if (context.Request.Path == "/test.Raw/ServerStreaming")
            {
                context.Begin();
                await context.SendAsync(Raw.Frame("x"));
                await began.Task.WaitAsync(context.RequestAborted);
            }

            context.Reset(errorCode);
        });
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(expected);
        using var duplex = channel.CallDuplex();
        await duplex.ResponseStream.MoveNext(Stop).FailsAsync(expected);
        using var stream = channel.CallServerStream();
        await stream.ResponseHeadersAsync;
        began.SetResult();
        await ReadToEndAsync(stream).FailsAsync(expected);
    }

    [Fact]
    public async Task A_refused_stream_is_unavailable()
    {
        // The HTTP client itself tries a refused request again, a few times.
        var requests = 0;
        await using var peer = await RawPeer.StartAsync(context =>
        {
            Interlocked.Increment(ref requests);
            context.Reset(7);
            return Task.CompletedTask;
        });
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        Assert.InRange(requests, 1, 20);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
        using var call = channel.CallDuplex();

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        await call.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Unavailable);
        await call.RequestStream.WriteAsync("x", Stop).FailsAsync(StatusCode.Unavailable);
        await Assert.ThrowsAsync<RpcException>(() => call.ResponseHeadersAsync);
        Assert.Throws<InvalidOperationException>(call.GetTrailers);
    }

    [Fact]
    public async Task A_server_that_hangs_up_is_unavailable()
    {
        using var channel = ServeOnce(_ => Task.CompletedTask, out var serving);

        await channel.Call().ResponseAsync.FailsAsync(StatusCode.Unavailable);
        await serving;
    }

    [Fact]
    public async Task A_server_that_does_not_speak_http2_fails_the_call_at_once()
    {
        using var channel = ServeOnce(stream => stream.WriteAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), Stop).AsTask(), out var serving);

        var error = await Assert.ThrowsAsync<RpcException>(() => channel.Call().ResponseAsync.WaitAsync(TimeSpan.FromSeconds(30), Stop));

        // By whether the answer or the end of the connection is seen first.
        Assert.Contains(error.StatusCode, new[] { StatusCode.Internal, StatusCode.Unavailable });
        await serving;
    }

    [Theory]
    [InlineData("grpc-status", "42", StatusCode.Unknown)]
    [InlineData("grpc-status", "nine", StatusCode.Unknown)]
    public async Task A_status_of_no_known_code_is_unknown(string key, string value, StatusCode expected)
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            await context.SendAsync(Raw.Frame("x"));
            context.Response.AppendTrailer(key, value);
        });
        using var channel = peer.Channel();

        await channel.Call().ResponseAsync.FailsAsync(expected);
    }

    private static GrpcChannel ServeOnce(Func<NetworkStream, Task> answer, out Task serving)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        serving = ServeAsync(listener, answer);
        return GrpcChannel.ForAddress($"http://{listener.LocalEndpoint}");
    }

    private static async Task ServeAsync(TcpListener listener, Func<NetworkStream, Task> answer)
    {
        using (listener)
        using (var client = await listener.AcceptTcpClientAsync(Stop))
        {
            await answer(client.GetStream());
        }
    }

    private static async Task ReadToEndAsync(AsyncServerStreamingCall<string> call)
    {
        while (await call.ResponseStream.MoveNext(Stop))
        {
        }
    }
}
