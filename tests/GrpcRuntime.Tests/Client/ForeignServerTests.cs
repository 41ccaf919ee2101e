using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using GrpcRuntime.Tests.Protos;

namespace GrpcRuntime.Tests.Client;

/// <summary>The client, with a generated stub, against the server of another implementation: grpc-js.</summary>
public sealed class ForeignServerTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")]
    [InlineData("gzip")]
    public async Task Every_kind_of_call_is_answered(string compression)
    {
        await using var server = await NodeEchoServer.StartAsync(compression);
        using var channel = GrpcChannel.ForAddress(server.Address);
        var echo = new Echo.EchoClient(channel);
        var large = new string('y', 300_000);
        var headers = new Metadata { { "grpc-internal-encoding-request", compression.Length == 0 ? "identity" : compression } };

        var reply = await echo.UnaryAsync(new EchoRequest { Text = "hällo", Payload = ByteString.CopyFrom(0, 255, 10) }, headers, cancellationToken: Stop);
        Assert.Equal(("hällo", ByteString.CopyFrom(0, 255, 10)), (reply.Text, reply.Payload));
        Assert.Equal(large, (await echo.UnaryAsync(new EchoRequest { Text = large }, headers, cancellationToken: Stop)).Text);
        Assert.Equal("", (await echo.UnaryAsync(new EchoRequest(), headers, cancellationToken: Stop)).Text);

        using var collect = echo.Collect(headers, cancellationToken: Stop);
        foreach (var text in (string[])["a", "b", large])
        {
            await collect.RequestStream.WriteAsync(new EchoRequest { Text = text }, Stop);
        }

        await collect.RequestStream.CompleteAsync();
        Assert.Equal($"a,b,{large}", (await collect).Text);

        using var expand = echo.Expand(new EchoRequest { Text = "e", Count = 500 }, headers, cancellationToken: Stop);
        var indexes = new List<int>();
        await foreach (var message in expand.ResponseStream.ReadAllAsync(Stop))
        {
            Assert.Equal("e", message.Text);
            indexes.Add(message.Index);
        }

        Assert.Equal(Enumerable.Range(0, 500), indexes);

        using var chat = echo.Chat(headers, cancellationToken: Stop);
        for (var i = 0; i < 50; i++)
        {
            await chat.RequestStream.WriteAsync(new EchoRequest { Text = $"{i}" }, Stop);
            Assert.True(await chat.ResponseStream.MoveNext(Stop));
            Assert.Equal(($"{i}", i), (chat.ResponseStream.Current.Text, chat.ResponseStream.Current.Index));
        }

        await chat.RequestStream.CompleteAsync();
        Assert.False(await chat.ResponseStream.MoveNext(Stop));
    }

    [Fact]
    public async Task Failures_metadata_deadlines_and_cancellation_are_understood()
    {
        await using var server = await NodeEchoServer.StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Address);
        var echo = new Echo.EchoClient(channel);

        var refused = await echo.UnaryAsync(new EchoRequest { StatusCode = 9, StatusDetail = "nö: 100 %\n" }, cancellationToken: Stop).ResponseAsync.FailsAsync(StatusCode.FailedPrecondition);
        Assert.Equal("nö: 100 %\n", refused.Status.Detail);
        Assert.Equal([8, 9], refused.Trailers.GetValueBytes("grpc-status-details-bin"));

        using var failing = echo.Expand(new EchoRequest { Count = 2, StatusCode = 5, StatusDetail = "end" }, cancellationToken: Stop);
        Assert.True(await failing.ResponseStream.MoveNext(Stop));
        Assert.True(await failing.ResponseStream.MoveNext(Stop));
        await failing.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.NotFound);

        using var call = echo.UnaryAsync(new EchoRequest(), new Metadata { { "x-echo", "text" }, { "x-echo-bin", [0, 1, 2] }, { "x-echo-bin", [3] } }, cancellationToken: Stop);
        await call;
        Assert.Equal("text", (await call.ResponseHeadersAsync).GetValue("x-echo"));
        Assert.Equal(["000102", "03"], call.GetTrailers().GetAll("x-echo-bin").Select(e => Convert.ToHexString(e.ValueBytes)));

        await echo.UnaryAsync(new EchoRequest { DelayMilliseconds = 60_000 }, deadline: DateTime.UtcNow.AddMilliseconds(200), cancellationToken: Stop).ResponseAsync.FailsAsync(StatusCode.DeadlineExceeded);

        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        using var open = echo.Expand(new EchoRequest { Count = 1, DelayMilliseconds = 60_000 }, cancellationToken: cancel.Token);
        Assert.True(await open.ResponseStream.MoveNext(Stop));
        await cancel.CancelAsync();
        await open.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Cancelled);

        var unknown = new Method<string, string>(MethodType.Unary, "grpcruntime.tests.Echo", "Absent", Marshallers.StringMarshaller, Marshallers.StringMarshaller);
        await channel.CreateCallInvoker().AsyncUnaryCall(unknown, null, default, "").ResponseAsync.FailsAsync(StatusCode.Unimplemented);
    }
}
