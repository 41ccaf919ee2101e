using Grpc.Core;
using GrpcRuntime.Tests.Server;

namespace GrpcRuntime.Tests.Client;

/// <summary>What the client sends and takes, frame by frame.</summary>
public sealed class FrameRulesTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_unary_request_is_headers_one_message_and_the_end()
    {
        var frames = new List<Http2Frame>();
        await using var server = new FrameServer(async connection =>
        {
            frames.AddRange(await connection.ReadRequestAsync());
            await AnswerAsync(connection, frames[0].StreamId);
            await connection.ReadAsync();
        });
        using var channel = server.Channel();

        Assert.Equal("ok", await channel.Call("hello"));

        Assert.Equal(FrameType.Headers, frames[0].Type);
        Assert.False(frames[0].EndStream);
        Assert.Equal(Raw.Frame("hello"), frames.Skip(1).SelectMany(f => f.Payload));
        Assert.All(frames.Skip(1), f => Assert.Equal(FrameType.Data, f.Type));
    }

    [Fact]
    public async Task Padding_continuations_and_pings_make_no_difference()
    {
        await using var server = new FrameServer(async connection =>
        {
            var id = (await connection.ReadRequestAsync())[0].StreamId;
            var block = FrameConnection.Block((":status", "200"), ("content-type", "application/grpc"), ("x", "y"));
            await connection.SendAsync(FrameType.Headers, 0, id, block[..10]);
            await connection.SendAsync(FrameType.Continuation, FrameConnection.EndHeaders, id, block[10..]);
            var message = Raw.Frame("padded");
            await connection.SendAsync(FrameType.Data, FrameConnection.Padded, id, [3, .. message[..4], 0, 0, 0]);
            await connection.SendAsync(FrameType.Ping, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
            await connection.SendAsync(FrameType.Data, 0, id, []);
            await connection.SendAsync(FrameType.Data, FrameConnection.Padded, id, [0, .. message[4..]]);
            var trailers = FrameConnection.Block(("grpc-status", "0"), ("t", "1"));
            await connection.SendAsync(FrameType.Headers, FrameConnection.EndStream, id, trailers[..5]);
            await connection.SendAsync(FrameType.Continuation, FrameConnection.EndHeaders, id, trailers[5..]);
            await connection.ReadAsync();
        });
        using var channel = server.Channel();
        using var call = channel.Call();

        Assert.Equal("padded", await call);
        Assert.Equal("y", (await call.ResponseHeadersAsync).GetValue("x"));
        Assert.Equal("1", call.GetTrailers().GetValue("t"));
    }

    [Fact]
    public async Task Cancelling_resets_the_stream_with_cancel_and_leaves_the_connection()
    {
        var reset = new TaskCompletionSource<Http2Frame>(TaskCreationOptions.RunContinuationsAsynchronously);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new FrameServer(async connection =>
        {
            Assert.Equal(0, connection.Number);
            await connection.ReadRequestAsync();
            arrived.SetResult();
            reset.SetResult(await connection.ReadAsync());
            await AnswerAsync(connection, (await connection.ReadRequestAsync())[0].StreamId);
            await connection.ReadAsync();
        });
        using var channel = server.Channel();
        using var cancel = new CancellationTokenSource();
        using var call = channel.Call(options: new CallOptions(cancellationToken: cancel.Token));
        await arrived.Task.WaitAsync(Stop);
        await cancel.CancelAsync();

        await call.ResponseAsync.FailsAsync(StatusCode.Cancelled);
        var frame = await reset.Task.WaitAsync(Stop);
        Assert.Equal((FrameType.RstStream, 8u), (frame.Type, frame.ErrorCode));
        Assert.Equal("ok", await channel.Call());
    }

    [Fact]
    public async Task A_request_that_was_refused_or_cut_off_by_goaway_is_sent_again()
    {
        var refused = 0;
        await using var server = new FrameServer(async connection =>
        {
            var id = (await connection.ReadRequestAsync())[0].StreamId;
            if (connection.Number == 0)
            {
                refused++;
                await connection.ResetAsync(id, 7);
                id = (await connection.ReadRequestAsync())[0].StreamId;
                refused++;

                // The last stream that was looked at is number 1: the second request was not.
                await connection.SendAsync(FrameType.GoAway, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]);
                await connection.ReadAsync();
                return;
            }

            await AnswerAsync(connection, id);
            await connection.ReadAsync();
        });
        using var channel = server.Channel();

        Assert.Equal("ok", await channel.Call("again"));
        Assert.Equal(2, refused);
    }

    [Fact]
    public async Task A_connection_that_breaks_within_a_message_is_unavailable()
    {
        var read = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new FrameServer(async connection =>
        {
            var id = (await connection.ReadRequestAsync())[0].StreamId;
            await connection.BeginResponseAsync(id);
            await connection.SendAsync(FrameType.Data, 0, id, Raw.Frame("first"));
            await read.Task.WaitAsync(Stop);
            await connection.SendAsync(FrameType.Data, 0, id, Raw.Frame("second")[..7]);
        });
        using var channel = server.Channel();
        using var call = channel.CallServerStream();

        Assert.True(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal("first", call.ResponseStream.Current);
        read.SetResult();
        await call.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Unavailable);
    }

    [Theory]
    [InlineData("goaway", false)]
    [InlineData("goaway", true)]
    [InlineData("nonsense", false)]
    [InlineData("nonsense", true)]
    public async Task A_connection_that_ends_with_an_error_is_unavailable_whatever_its_code(string end, bool begun)
    {
        var read = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new FrameServer(async connection =>
        {
            var id = (await connection.ReadRequestAsync())[0].StreamId;
            if (begun)
            {
                await connection.BeginResponseAsync(id);
                await connection.SendAsync(FrameType.Data, 0, id, Raw.Frame("first"));
                await read.Task.WaitAsync(Stop);
            }

            // PROTOCOL_ERROR, by the server's word or by what the client has to make of DATA on stream 0.
            if (end == "goaway")
            {
                await connection.SendAsync(FrameType.GoAway, 0, 0, [0, 0, 0, 1, 0, 0, 0, 1]);
                return;
            }

            await connection.SendAsync(FrameType.Data, 0, 0, [1, 2]);
            await connection.ReadAsync();
        });
        using var channel = server.Channel();
        using var call = channel.CallServerStream();
        if (begun)
        {
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            read.SetResult();
        }

        await call.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Unavailable);
    }

    [Fact]
    public async Task A_server_may_end_a_call_before_its_client_does()
    {
        await using var server = new FrameServer(async connection =>
        {
            var id = (await connection.ReadAsync()).StreamId;
            await AnswerAsync(connection, id);
            await connection.ResetAsync(id, 0);
            await connection.ReadAsync();
        });
        using var channel = server.Channel();
        using var call = channel.CallClientStream();

        Assert.Equal("ok", await call);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.WriteAsync("late", Stop));
    }

    [Fact]
    public async Task Headers_beyond_the_limit_of_the_handler_fail_the_call_alone()
    {
        await using var peer = await RawPeer.StartAsync(async context =>
        {
            context.Begin();
            if (context.Request.Path == Raw.ServerStream.FullName)
            {
                for (var i = 0; i < 10_000; i++)
                {
                    context.Response.Headers[$"x-{i}"] = "0123456789";
                }
            }

            await context.SendAsync(Raw.Frame("x"));
            context.End(0);
        });
        using var channel = peer.Channel();

        await channel.CallServerStream().ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.ResourceExhausted);
        Assert.Equal("x", await channel.Call());
    }

    private static async Task AnswerAsync(FrameConnection connection, int streamId)
    {
        await connection.BeginResponseAsync(streamId);
        await connection.SendAsync(FrameType.Data, 0, streamId, Raw.Frame("ok"));
        await connection.EndResponseAsync(streamId, 0);
    }
}
