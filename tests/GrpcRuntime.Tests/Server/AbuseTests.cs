using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using GrpcRuntime.Tests.Protos;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace GrpcRuntime.Tests.Server;

/// <summary>Peers that mean harm, or know no better: the memory stays bounded, the error is the right one, and the calls of others are answered.</summary>
[Collection(Alone.Name)]
public sealed class AbuseTests
{
    private const uint ProtocolError = 1;
    private const uint RefusedStream = 7;
    private const uint CompressionError = 9;
    private const uint EnhanceYourCalm = 11;

    private static readonly byte[] Hello = RawGrpc.Frame(new EchoRequest { Text = "hello" });

    [Fact]
    public async Task A_gzip_bomb_is_resource_exhausted()
    {
        await using var server = await TestServer.StartAsync();
        // A GiB of zeros in 1 MiB.
        var bomb = RawGrpc.Frame(Bomb(1024), flag: 1);

        var report = await Attack.RunAsync(server, async _ =>
        {
            for (var i = 0; i < 10; i++)
            {
                (await server.PostAsync(RawGrpc.Unary, bomb, ("grpc-encoding", "gzip"))).AssertTrailersOnly(StatusCode.ResourceExhausted);
            }
        });

        report.AssertHarmless();
    }

    [Fact]
    public async Task A_stream_of_messages_that_unfold_to_the_limit_takes_the_memory_of_one()
    {
        await using var server = await TestServer.StartAsync();
        var message = new EchoRequest { Payload = UnsafeByteOperations.UnsafeWrap(new byte[(4 * 1024 * 1024) - 100]) };
        var unfolding = RawGrpc.Frame(MessageRulesTests.Gzip(message.ToByteArray()), flag: 1);
        byte[] body = [.. Enumerable.Repeat(unfolding, 250).SelectMany(frame => frame)];

        var report = await Attack.RunAsync(server, async _ =>
            Assert.Equal(250, (await server.PostAsync(RawGrpc.Collect, body, ("grpc-encoding", "gzip"))).Reply.Index));

        report.AssertHarmless();
    }

    [Theory]
    [InlineData(null)]
    [InlineData(4 * 1024 * 1024)]
    public async Task A_declared_length_of_2_GiB_takes_no_memory(int? limit)
    {
        await using var server = await TestServer.StartAsync(options => options.MaxReceiveMessageSize = limit);
        byte[] start = [0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3];

        var report = await Attack.RunAsync(server, async stop =>
        {
            var peers = new List<Http2Peer>();
            for (var i = 0; i < 20; i++)
            {
                var peer = await Http2Peer.ConnectAsync(server.Address, stop);
                peers.Add(peer);
                for (var stream = 1; stream < 40; stream += 2)
                {
                    await peer.SendHeadersAsync(stream, stream % 4 == 1 ? RawGrpc.Unary : RawGrpc.Chat, endStream: false);
                    await peer.SendDataAsync(stream, start, endStream: false);
                }
            }

            if (limit is not null)
            {
                // By the prefix alone, while the rest is still to come.
                Assert.Equal("8", (await peers[0].ReadFrameAsync(FrameType.Headers, 1)).Headers!["grpc-status"]);
            }

            await Task.Delay(200, stop);
            foreach (var peer in peers)
            {
                await peer.DisposeAsync();
            }
        });

        report.AssertHarmless();
    }

    [Theory]
    [InlineData(100, StatusCode.OK)]
    [InlineData(101, StatusCode.Internal)]
    [InlineData(100_000, StatusCode.Internal)]
    public async Task Groups_are_passed_over_up_to_a_depth_of_100(int depth, StatusCode expected)
    {
        await using var server = await TestServer.StartAsync();
        // Groups of field 15, one in the other: unknown to the message, which passes them over.
        byte[] groups = [.. Enumerable.Repeat((byte)0x7b, depth), .. Enumerable.Repeat((byte)0x7c, depth)];

        var report = await Attack.RunAsync(server, async _ =>
        {
            Assert.Equal(expected, (await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(groups))).Status);
            (await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame(groups[..depth]))).AssertTrailersOnly(StatusCode.Internal);
        });

        report.AssertHarmless();
    }

    [Fact]
    public async Task Messages_nested_100_000_deep_are_internal()
    {
        await using var server = await TestServer.StartAsync(
            services: services => services.AddSingleton<NestedService>(),
            map: app => app.MapGrpcService<NestedService>());
        var report = await Attack.RunAsync(server, async _ =>
        {
            Assert.Equal(StatusCode.OK, (await server.PostAsync("/test.Nested/Take", RawGrpc.Frame(Nested(90)))).Status);
            (await server.PostAsync("/test.Nested/Take", RawGrpc.Frame(Nested(100_000)))).AssertTrailersOnly(StatusCode.Internal);
        });

        report.AssertHarmless();
    }

    [Theory]
    [InlineData(400, 10)]
    [InlineData(10_000, 10)]
    [InlineData(1, 1_000_000)]
    public async Task More_or_longer_headers_than_allowed_are_refused(int count, int length)
    {
        await using var server = await TestServer.StartAsync();
        server.Hooks.Unary = (request, context) => context.RequestHeaders.Any(entry => entry.Key == "x-0")
            ? throw new InvalidOperationException("The handler must not run.")
            : Task.FromResult(new EchoReply { Text = request.Text });
        var block = Http2Peer.HeaderBlock(RawGrpc.Unary, [.. Enumerable.Range(0, count).Select(i => ($"x-{i}", new string('v', length)))]);

        var report = await Attack.RunAsync(server, async stop =>
        {
            await using var peer = await Http2Peer.ConnectAsync(server.Address, stop);
            Assert.True(await IsRefusedAsync(peer, () => peer.SendLongHeadersAsync(1, block, endStream: false)));
        });

        report.AssertHarmless();
    }

    [Fact]
    public async Task Headers_that_unfold_out_of_the_peers_table_are_refused()
    {
        await using var server = await TestServer.StartAsync();
        // An entry of 4,000 bytes goes into the table once, and is named 16,000 times with a byte each: 61 MiB.
        var entry = new byte[4_000];
        Array.Fill(entry, (byte)'v');
        byte[] bomb = [0x40, 1, (byte)'x', 0x7f, .. Length(4_000 - 127), .. entry, .. Enumerable.Repeat((byte)(0x80 | 62), 16_000)];

        var report = await Attack.RunAsync(server, async stop =>
        {
            await using var peer = await Http2Peer.ConnectAsync(server.Address, stop);
            byte[] block = [.. Http2Peer.HeaderBlock(RawGrpc.Unary), .. bomb];
            Assert.True(await IsRefusedAsync(peer, () => peer.SendLongHeadersAsync(1, block, endStream: false)));
        });

        report.AssertHarmless();

        static byte[] Length(int rest) => rest < 128 ? [(byte)rest] : [(byte)(0x80 | (rest & 0x7f)), .. Length(rest >> 7)];
    }

    [Fact]
    public async Task A_flood_of_continuations_is_cut_off()
    {
        await using var server = await TestServer.StartAsync();
        var header = new byte[9 + 10 * 1024];
        var value = Encoding.ASCII.GetBytes("\0\u0001x\u0001y");
        for (var i = 0; i < 10 * 1024 / value.Length; i++)
        {
            value.CopyTo(header, i * value.Length);
        }

        var continuation = Http2Peer.Frame(FrameType.Continuation, 0, 1, header[..(10 * 1024 / value.Length * value.Length)]);
        var sent = 0;

        var report = await Attack.RunAsync(server, async stop =>
        {
            await using var peer = await Http2Peer.ConnectAsync(server.Address, stop);
            await peer.SendFrameAsync(FrameType.Headers, 0, 1, Http2Peer.HeaderBlock(RawGrpc.Unary));
            sent = await peer.FloodAsync(continuation, times: 100_000, stop);
        });

        report.AssertHarmless();
        Assert.InRange(sent, 0, 10_000);
    }

    [Theory]
    [InlineData("ping")]
    [InlineData("settings")]
    [InlineData("empty settings")]
    [InlineData("priority")]
    [InlineData("window update")]
    [InlineData("unknown frames")]
    [InlineData("empty data")]
    [InlineData("empty continuations")]
    public async Task A_flood_of_frames_that_cost_the_peer_nothing_holds_up_the_peer_alone(string kind)
    {
        await using var server = await TestServer.StartAsync();
        var frame = kind switch
        {
            "ping" => Http2Peer.Frame(FrameType.Ping, 0, 0, new byte[8]),
            "settings" => Http2Peer.Frame(FrameType.Settings, 0, 0, [0, 4, 0, 1, 0, 0]),
            "empty settings" => Http2Peer.Frame(FrameType.Settings, 0, 0, []),
            "priority" => Http2Peer.Frame(FrameType.Priority, 0, 3, [0, 0, 0, 0, 1]),
            "window update" => Http2Peer.Frame(FrameType.WindowUpdate, 0, 1, [0, 0, 0, 1]),
            "unknown frames" => Http2Peer.Frame((FrameType)0x55, 0, 0, [1, 2, 3]),
            "empty data" => Http2Peer.Frame(FrameType.Data, 0, 1, []),
            _ => Http2Peer.Frame(FrameType.Continuation, 0, 1, []),
        };
        byte[] thousand = [.. Enumerable.Repeat(frame, 1_000).SelectMany(bytes => bytes)];

        var report = await Attack.RunAsync(server, async stop =>
        {
            await using var peer = await Http2Peer.ConnectAsync(server.Address, stop);
            if (kind == "empty continuations")
            {
                await peer.SendFrameAsync(FrameType.Headers, 0, 1, Http2Peer.HeaderBlock(RawGrpc.Chat));
            }
            else
            {
                await peer.SendHeadersAsync(1, RawGrpc.Chat, endStream: false);
            }

            await peer.FloodAsync(thousand, times: 1_000, stop);
        });

        report.AssertHarmless();
    }

    [Fact]
    public async Task Rapid_resets_end_the_connection()
    {
        await using var server = await TestServer.StartAsync();

        var report = await Attack.RunAsync(server, async stop =>
        {
            await using var peer = await Http2Peer.ConnectAsync(server.Address, stop);
            Assert.True(await IsRefusedAsync(peer, async () =>
            {
                for (var stream = 1; stream < 20_000; stream += 2)
                {
                    await peer.SendHeadersAsync(stream, RawGrpc.Chat, endStream: false);
                    await peer.SendRstStreamAsync(stream, 8);
                }
            }));
        });

        report.AssertHarmless();
    }

    [Fact]
    public async Task More_calls_at_once_than_allowed_are_refused_to_be_sent_again()
    {
        await using var server = await TestServer.StartAsync();
        await using var peer = await Http2Peer.ConnectAsync(server.Address, TestContext.Current.CancellationToken);
        for (var i = 0; i < 101; i++)
        {
            await peer.SendHeadersAsync(1 + (2 * i), RawGrpc.Chat, endStream: false);
        }

        Assert.Equal(RefusedStream, (await peer.ReadFrameAsync(FrameType.RstStream, 201)).ErrorCode);
        await peer.SendDataAsync(1, Hello, endStream: true);
        Assert.Equal("0", (await peer.ReadStreamAsync(1))[^1].Headers!["grpc-status"]);
    }

    [Fact]
    public async Task A_hundred_peers_that_send_single_bytes_are_served()
    {
        await using var server = await TestServer.StartAsync();
        byte[] request =
        [
            .. Http2Peer.Frame(FrameType.Headers, 4, 1, Http2Peer.HeaderBlock(RawGrpc.Unary)),
            .. Hello.SelectMany(one => Http2Peer.Frame(FrameType.Data, 0, 1, [one])),
            .. Http2Peer.Frame(FrameType.Data, 1, 1, []),
        ];

        var report = await Attack.RunAsync(server, async stop => await Task.WhenAll(Enumerable.Range(0, 100).Select(async _ =>
        {
            await using var peer = await Http2Peer.ConnectAsync(server.Address, stop);
            foreach (var one in request)
            {
                await peer.SendBytesAsync(new[] { one }, stop);
            }

            Assert.Equal("0", (await peer.ReadStreamAsync(1))[^1].Headers!["grpc-status"]);
        })));

        report.AssertHarmless();
    }

    [Fact]
    public async Task A_peer_with_a_window_of_one_byte_gets_its_response_byte_by_byte()
    {
        await using var server = await TestServer.StartAsync();

        var report = await Attack.RunAsync(server, async stop =>
        {
            await using var peer = await Http2Peer.ConnectAsync(server.Address, stop, (4, 1));
            await peer.SendHeadersAsync(1, RawGrpc.Unary, endStream: false);
            await peer.SendDataAsync(1, Hello, endStream: true);
            var body = new List<byte>();
            for (var frame = await peer.ReadFrameAsync(); !frame.EndStream; frame = await peer.ReadFrameAsync())
            {
                if (frame is { Type: FrameType.Data, StreamId: 1 })
                {
                    Assert.InRange(frame.Payload.Length, 0, 1);
                    body.AddRange(frame.Payload);
                    await peer.SendFrameAsync(FrameType.WindowUpdate, 0, 1, [0, 0, 0, 1]);
                }
            }

            Assert.Equal("hello", EchoReply.Parser.ParseFrom([.. body.Skip(5)]).Text);
        });

        report.AssertHarmless();
    }

    [Fact]
    public async Task Peers_that_stop_reading_hold_a_buffer_each_and_no_more()
    {
        const int Peers = 20;
        const int Streams = 20;
        await using var server = await TestServer.StartAsync();
        var ended = 0;
        var large = new EchoReply { Payload = UnsafeByteOperations.UnsafeWrap(new byte[16 * 1024]) };
        server.Hooks.Expand = async (_, responses, context) =>
        {
            try
            {
                while (true)
                {
                    await responses.WriteAsync(large, context.CancellationToken);
                }
            }
            finally
            {
                Interlocked.Increment(ref ended);
            }
        };

        var report = await Attack.RunAsync(server, async stop =>
        {
            var peers = new List<Http2Peer>();
            for (var i = 0; i < Peers; i++)
            {
                var peer = await Http2Peer.ConnectAsync(server.Address, stop, (4, 0x7fffffff));
                peers.Add(peer);
                for (var stream = 0; stream < Streams; stream++)
                {
                    await peer.SendHeadersAsync(1 + (2 * stream), RawGrpc.Expand, endStream: false);
                    await peer.SendDataAsync(1 + (2 * stream), Hello, endStream: true);
                }
            }

            await Task.Delay(1_000, stop);
            foreach (var peer in peers)
            {
                await peer.DisposeAsync();
            }
        });

        report.AssertHarmless();
        for (var i = 0; i < 1_000 && Volatile.Read(ref ended) < Peers * Streams; i++)
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        Assert.Equal(Peers * Streams, ended);
    }

    private static byte[] Bomb(int mebibytes)
    {
        var output = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(output, System.IO.Compression.CompressionLevel.SmallestSize))
        {
            var zeros = new byte[1024 * 1024];
            for (var i = 0; i < mebibytes; i++)
            {
                gzip.Write(zeros);
            }
        }

        return output.ToArray();
    }

    /// <summary>A DescriptorProto with one in itself, and so on.</summary>
    private static byte[] Nested(int depth)
    {
        // From the innermost outwards; written from the end, since the outer lengths depend on the inner ones.
        var reversed = new List<byte>();
        for (var i = 0; i < depth; i++)
        {
            var length = reversed.Count;
            var varint = new List<byte>();
            for (; length >= 0x80; length >>= 7)
            {
                varint.Add((byte)(0x80 | (length & 0x7f)));
            }

            varint.Add((byte)length);
            varint.Reverse();
            reversed.AddRange(varint);
            reversed.Add(DescriptorProto.NestedTypeFieldNumber << 3 | 2);
        }

        reversed.Reverse();
        return [.. reversed];
    }

    /// <summary>Whether the server ends the stream or the connection, or answers 431, whatever of the request it has read.</summary>
    private static async Task<bool> IsRefusedAsync(Http2Peer peer, Func<Task> send)
    {
        try
        {
            await send();
            while (true)
            {
                var frame = await peer.ReadFrameAsync();
                switch (frame.Type)
                {
                    case FrameType.GoAway:
                        return frame.ErrorCode is ProtocolError or CompressionError or EnhanceYourCalm;
                    case FrameType.RstStream:
                        return true;
                    case FrameType.Headers:
                        return frame.Headers![":status"] == "431";
                }
            }
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Takes messages that may contain themselves.</summary>
    [BindServiceMethod(typeof(NestedService), nameof(Bind))]
    private sealed class NestedService
    {
        public static void Bind(ServiceBinderBase binder, NestedService? service)
        {
            var marshaller = Marshallers.Create(
                static (message, context) => context.Complete(message.ToByteArray()),
                static context => DescriptorProto.Parser.ParseFrom(context.PayloadAsReadOnlySequence()));
            binder.AddMethod(
                new Method<DescriptorProto, DescriptorProto>(MethodType.Unary, "test.Nested", nameof(Take), marshaller, marshaller),
                service is null ? null! : service.Take);
        }

        public Task<DescriptorProto> Take(DescriptorProto request, ServerCallContext context) => Task.FromResult(new DescriptorProto());
    }
}
