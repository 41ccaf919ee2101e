using System.Text;
using Grpc.Core;
using GrpcRuntime.Tests.Protos;
using Microsoft.AspNetCore.Builder;

namespace GrpcRuntime.Tests.Server;

/// <summary>What becomes of what handlers return, throw and write.</summary>
public sealed class HandlerRulesTests
{
    private static readonly byte[] Hello = RawGrpc.Frame(new EchoRequest { Text = "hello", Count = 2 });

    [Fact]
    public async Task Headers_message_and_trailers_of_a_unary_call()
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = async (request, context) =>
        {
            await context.WriteResponseHeadersAsync(new Metadata { { "x-head", "h" }, { "x-head-bin", [1] } });
            context.ResponseTrailers.Add("x-tail", "t");
            context.ResponseTrailers.Add("x-tail-bin", [2, 3]);
            return new EchoReply { Text = request.Text };
        };

        var response = await server.PostAsync(RawGrpc.Unary, Hello);

        Assert.Equal("h", response.Headers["x-head"]);
        Assert.Equal("AQ", response.Headers["x-head-bin"]);
        Assert.Equal("hello", response.Reply.Text);
        Assert.Equal("t", response.Trailers["x-tail"]);
        Assert.Equal("AgM", response.Trailers["x-tail-bin"]);
        Assert.Equal("0", response.Trailers["grpc-status"]);
        Assert.False(response.Trailers.ContainsKey("grpc-message"));
    }

    [Fact]
    public async Task An_error_before_anything_is_sent_is_trailers_only_with_its_trailers()
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = (_, _) => throw new RpcException(
            new Status(StatusCode.NotFound, "100 % ünbekannt\n"),
            new Metadata { { "x-tail", "t" }, { "grpc-status-details-bin", [7, 8, 9] } });

        var response = await server.PostAsync(RawGrpc.Unary, Hello);

        response.AssertTrailersOnly(StatusCode.NotFound);
        Assert.Equal("100 %25 %C3%BCnbekannt%0A", response.Message);
        Assert.Equal("t", response.Headers["x-tail"]);
        Assert.Equal("BwgJ", response.Headers["grpc-status-details-bin"]);
    }

    [Fact]
    public async Task An_error_after_messages_is_in_the_trailers()
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Expand = async (_, responses, _) =>
        {
            await responses.WriteAsync(new EchoReply { Text = "one" });
            throw new RpcException(new Status(StatusCode.Aborted, "stop"), new Metadata { { "x-tail", "t" } });
        };

        var response = await server.PostAsync(RawGrpc.Expand, Hello);

        Assert.Equal("one", response.Reply.Text);
        Assert.False(response.Headers.ContainsKey("grpc-status"));
        Assert.Equal(("10", "stop", "t"), (response.Trailers["grpc-status"], response.Trailers["grpc-message"], response.Trailers["x-tail"]));
    }

    [Fact]
    public async Task A_stream_without_messages_is_trailers_only_with_ok()
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Expand = (_, _, _) => Task.CompletedTask;

        (await server.PostAsync(RawGrpc.Expand, Hello)).AssertTrailersOnly(StatusCode.OK);
    }

    [Fact]
    public async Task An_unexpected_exception_is_unknown_and_tells_nothing()
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = (_, _) => throw new InvalidOperationException("secret");

        var response = await server.PostAsync(RawGrpc.Unary, Hello);

        response.AssertTrailersOnly(StatusCode.Unknown);
        Assert.Equal("Exception was thrown by handler.", response.Message);
    }

    [Fact]
    public async Task Details_of_an_unexpected_exception_are_sent_when_enabled()
    {
        await using var server = await TestServer.StartAsync(options => options.EnableDetailedErrors = true);
        server.Hooks.Unary = (_, _) => throw new InvalidOperationException("outer", new FormatException("inner"));

        var response = await server.PostAsync(RawGrpc.Unary, Hello);

        Assert.Equal("Exception was thrown by handler. InvalidOperationException: outer FormatException: inner", response.Message);
    }

    [Fact]
    public async Task No_message_from_a_handler_is_cancelled()
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = (_, _) => Task.FromResult<EchoReply>(null!);
        server.Hooks.Collect = (_, _) => Task.FromResult<EchoReply>(null!);

        foreach (var path in new[] { RawGrpc.Unary, RawGrpc.Collect })
        {
            var response = await server.PostAsync(path, Hello);
            response.AssertTrailersOnly(StatusCode.Cancelled);
            Assert.Equal("No message returned from method.", response.Message);
        }
    }

    [Fact]
    public async Task A_status_that_a_handler_sets_is_sent()
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = (_, context) =>
        {
            context.Status = new Status(StatusCode.DataLoss, "lost");
            return Task.FromResult(new EchoReply());
        };
        server.Hooks.Expand = async (_, responses, context) =>
        {
            await responses.WriteAsync(new EchoReply());
            context.Status = new Status(StatusCode.DataLoss, "lost");
        };

        var unary = await server.PostAsync(RawGrpc.Unary, Hello);
        unary.AssertTrailersOnly(StatusCode.DataLoss);
        Assert.Equal("lost", unary.Message);

        var stream = await server.PostAsync(RawGrpc.Expand, Hello);
        Assert.Single(RawGrpc.Messages(stream.Body));
        Assert.Equal("15", stream.Trailers["grpc-status"]);
    }

    [Fact]
    public async Task Trailers_that_no_header_can_carry_are_internal()
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = (_, context) =>
        {
            context.ResponseTrailers.Add("x-good", "1");
            context.ResponseTrailers.Add("x-bad", "line\nbreak");
            return Task.FromResult(new EchoReply());
        };

        var response = await server.PostAsync(RawGrpc.Unary, Hello);

        Assert.Equal(StatusCode.Internal, response.Status);
        Assert.False(response.Trailers.ContainsKey("x-good"));
    }

    [Fact]
    public async Task Response_headers_are_sent_once()
    {
        await using var server = await TestServer.StartAsync();
        Exception? second = null;
        server.Hooks.Unary = async (_, context) =>
        {
            await context.WriteResponseHeadersAsync([]);
            second = await Record.ExceptionAsync(() => context.WriteResponseHeadersAsync([]));
            return new EchoReply();
        };

        Assert.Equal(StatusCode.OK, (await server.PostAsync(RawGrpc.Unary, Hello)).Status);
        Assert.IsType<InvalidOperationException>(second);
    }

    [Fact]
    public async Task A_serialiser_that_fails_in_the_middle_leaves_nothing_behind()
    {
        await using var server = await TestServer.StartAsync(map: app => app.MapGrpcService<HandBoundService>());

        (await server.PostAsync("/hand.Bound/Fail", RawGrpc.Frame([]))).AssertTrailersOnly(StatusCode.Unknown);

        var stream = await server.PostAsync("/hand.Bound/FailSecond", RawGrpc.Frame([]));
        Assert.Equal("one", Encoding.UTF8.GetString(Assert.Single(RawGrpc.Messages(stream.Body)).Message));
        Assert.Equal(StatusCode.OK, stream.Status);
    }

    [Fact]
    public async Task One_write_and_one_read_at_a_time()
    {
        await using var server = await TestServer.StartAsync();
        Exception? secondRead = null;
        server.Hooks.Chat = async (requests, _, context) =>
        {
            var first = requests.MoveNext(context.CancellationToken);
            secondRead = await Record.ExceptionAsync(() => requests.MoveNext(context.CancellationToken));
            await context.WriteResponseHeadersAsync([]);
            await first;
        };
        using var body = new HeldContent();
        using var request = RawGrpc.Request(RawGrpc.Chat, body);

        // The headers come before the first message is sent: the first read is still waiting then.
        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        body.Release();
        await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);

        Assert.IsType<InvalidOperationException>(secondRead);
    }

    [Fact]
    public async Task Writes_and_reads_after_the_call_are_refused()
    {
        await using var server = await TestServer.StartAsync();
        IServerStreamWriter<EchoReply>? writer = null;
        IAsyncStreamReader<EchoRequest>? reader = null;
        server.Hooks.Chat = (requests, responses, _) =>
        {
            (reader, writer) = (requests, responses);
            return Task.CompletedTask;
        };

        (await server.PostAsync(RawGrpc.Chat, Hello)).AssertTrailersOnly(StatusCode.OK);

        await Assert.ThrowsAsync<InvalidOperationException>(() => writer!.WriteAsync(new EchoReply(), TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InvalidOperationException>(() => reader!.MoveNext(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_context_tells_of_the_call()
    {
        await using var server = await TestServer.StartAsync();
        (string Method, string Host, string Peer, DateTime Deadline, bool Authenticated, string? Path) seen = default;
        server.Hooks.Unary = (_, context) =>
        {
            seen = (context.Method, context.Host, context.Peer, context.Deadline, context.AuthContext.IsPeerAuthenticated, context.GetHttpContext().Request.Path);
            context.UserState["key"] = "value";
            Assert.Equal("value", context.UserState["key"]);
            return Task.FromResult(new EchoReply());
        };

        Assert.Equal(StatusCode.OK, (await server.PostAsync(RawGrpc.Unary, Hello)).Status);

        Assert.Equal((RawGrpc.Unary, server.Address.Authority, DateTime.MaxValue, false, RawGrpc.Unary), (seen.Method, seen.Host, seen.Deadline, seen.Authenticated, seen.Path));
        Assert.StartsWith("ipv4:127.0.0.1:", seen.Peer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Buffered_writes_wait_for_the_next_one_that_is_not()
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Expand = async (_, responses, _) =>
        {
            responses.WriteOptions = new WriteOptions(WriteFlags.BufferHint);
            for (var i = 0; i < 10_000; i++)
            {
                await responses.WriteAsync(new EchoReply { Index = i, Text = "0123456789" });
            }
        };

        var response = await server.PostAsync(RawGrpc.Expand, Hello);

        var indexes = RawGrpc.Messages(response.Body).Select(message => EchoReply.Parser.ParseFrom(message.Message).Index);
        Assert.Equal(Enumerable.Range(0, 10_000), indexes);
        Assert.Equal("0", response.Trailers["grpc-status"]);
    }

    /// <summary>A body that is held back until the test lets it go.</summary>
    private sealed class HeldContent : HttpContent
    {
        private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Release() => _release.SetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            await stream.FlushAsync();
            await _release.Task;
            await stream.WriteAsync(Hello);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
