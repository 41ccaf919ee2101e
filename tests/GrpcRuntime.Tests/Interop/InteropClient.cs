using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Testing;
using GrpcRuntime.Tests.Client;

namespace GrpcRuntime.Tests.Interop;

/// <summary>
/// The cases of gRPC's interoperability tests, on our client. <paramref name="canProbe"/>: the server sees whether a
/// request came compressed and refuses it where it was to be otherwise.
/// </summary>
internal sealed class InteropClient(GrpcChannel channel, FlagHandler flags, string name, bool canProbe)
{
    private const int LargeRequest = 271828;
    private const int LargeResponse = 314159;

    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;
    private static readonly int[] RequestSizes = [27182, 8, 1828, 45904];
    private static readonly int[] ResponseSizes = [31415, 9, 2653, 58979];

    private readonly TestService.TestServiceClient _client = new(channel);

    public async Task EmptyUnary() => Assert.Equal(new Empty(), await _client.EmptyCallAsync(new Empty(), Options()));

    /// <summary>gRPC has only POST by now, so that no cache answers: the responses are what is compared.</summary>
    public async Task CacheableUnary()
    {
        var request = new SimpleRequest { ResponseSize = 100, Payload = new Payload { Body = ByteString.CopyFromUtf8(DateTime.UnixEpoch.Ticks.ToString(System.Globalization.CultureInfo.InvariantCulture)) } };
        var options = Options(("x-user-ip", "1.2.3.4"));

        Assert.Equal(await _client.CacheableUnaryCallAsync(request, options), await _client.CacheableUnaryCallAsync(request, options));
    }

    public async Task LargeUnary()
    {
        var response = await _client.UnaryCallAsync(new SimpleRequest { ResponseSize = LargeResponse, Payload = Zeros(LargeRequest) }, Options());

        AssertZeros(LargeResponse, response.Payload);
    }

    public async Task ClientCompressedUnary()
    {
        SimpleRequest Request(bool expected) => new() { ResponseSize = LargeResponse, Payload = Zeros(LargeRequest), ExpectCompressed = new BoolValue { Value = expected } };
        if (canProbe)
        {
            await _client.UnaryCallAsync(Request(true), Options()).ResponseAsync.FailsAsync(StatusCode.InvalidArgument);
            Assert.Equal([0], flags.Sent.All);
        }

        var before = flags.Sent.All.Count;
        AssertZeros(LargeResponse, (await _client.UnaryCallAsync(Request(true), Compressed())).Payload);
        AssertZeros(LargeResponse, (await _client.UnaryCallAsync(Request(false), Compressed().WithWriteOptions(new WriteOptions(WriteFlags.NoCompress)))).Payload);
        Assert.Equal([1, 0], flags.Sent.All.Skip(before));
    }

    public async Task ServerCompressedUnary()
    {
        foreach (var compressed in (bool[])[true, false])
        {
            var response = await _client.UnaryCallAsync(
                new SimpleRequest { ResponseSize = LargeResponse, Payload = Zeros(LargeRequest), ResponseCompressed = new BoolValue { Value = compressed } }, Options());
            AssertZeros(LargeResponse, response.Payload);
        }

        Assert.Equal([1, 0], flags.Received.All);
    }

    public async Task ClientStreaming()
    {
        using var call = _client.StreamingInputCall(Options());
        foreach (var size in RequestSizes)
        {
            await call.RequestStream.WriteAsync(new StreamingInputCallRequest { Payload = Zeros(size) }, Stop);
        }

        await call.RequestStream.CompleteAsync();

        Assert.Equal(74922, (await call).AggregatedPayloadSize);
    }

    public async Task ClientCompressedStreaming()
    {
        if (canProbe)
        {
            using var probe = _client.StreamingInputCall(Options());
            await probe.RequestStream.WriteAsync(new StreamingInputCallRequest { Payload = Zeros(27182), ExpectCompressed = new BoolValue { Value = true } }, Stop);
            await probe.ResponseAsync.FailsAsync(StatusCode.InvalidArgument);
        }

        var before = flags.Sent.All.Count;
        using var call = _client.StreamingInputCall(Compressed());
        await call.RequestStream.WriteAsync(new StreamingInputCallRequest { Payload = Zeros(27182), ExpectCompressed = new BoolValue { Value = true } }, Stop);
        call.RequestStream.WriteOptions = new WriteOptions(WriteFlags.NoCompress);
        await call.RequestStream.WriteAsync(new StreamingInputCallRequest { Payload = Zeros(45904), ExpectCompressed = new BoolValue { Value = false } }, Stop);
        await call.RequestStream.CompleteAsync();

        Assert.Equal(73086, (await call).AggregatedPayloadSize);
        Assert.Equal([1, 0], flags.Sent.All.Skip(before));
    }

    public async Task ServerStreaming()
    {
        var request = new StreamingOutputCallRequest { ResponseParameters = { ResponseSizes.Select(size => new ResponseParameters { Size = size }) } };
        using var call = _client.StreamingOutputCall(request, Options());

        Assert.Equal(ResponseSizes, await SizesAsync(call.ResponseStream));
    }

    public async Task ServerCompressedStreaming()
    {
        var request = new StreamingOutputCallRequest
        {
            ResponseParameters =
            {
                new ResponseParameters { Size = 31415, Compressed = new BoolValue { Value = true } },
                new ResponseParameters { Size = 92653, Compressed = new BoolValue { Value = false } },
            },
        };
        using var call = _client.StreamingOutputCall(request, Options());

        Assert.Equal([31415, 92653], await SizesAsync(call.ResponseStream));
        Assert.Equal([1, 0], flags.Received.All);
    }

    public async Task PingPong()
    {
        using var call = _client.FullDuplexCall(Options());
        foreach (var (request, response) in RequestSizes.Zip(ResponseSizes))
        {
            await call.RequestStream.WriteAsync(Ask(request, response), Stop);
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            AssertZeros(response, call.ResponseStream.Current.Payload);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    public async Task EmptyStream()
    {
        using var call = _client.FullDuplexCall(Options());
        await call.RequestStream.CompleteAsync();

        Assert.False(await call.ResponseStream.MoveNext(Stop));
    }

    public async Task CustomMetadata()
    {
        byte[] trailing = [0xab, 0xab, 0xab];
        var headers = new Metadata { { "x-case", name }, { "x-grpc-test-echo-initial", "test_initial_metadata_value" }, { "x-grpc-test-echo-trailing-bin", trailing } };
        using var unary = _client.UnaryCallAsync(new SimpleRequest { ResponseSize = LargeResponse, Payload = Zeros(LargeRequest) }, headers, cancellationToken: Stop);
        await unary;
        Assert.Equal("test_initial_metadata_value", (await unary.ResponseHeadersAsync).GetValue("x-grpc-test-echo-initial"));
        Assert.Equal(trailing, unary.GetTrailers().GetValueBytes("x-grpc-test-echo-trailing-bin"));

        using var duplex = _client.FullDuplexCall(headers, cancellationToken: Stop);
        await duplex.RequestStream.WriteAsync(Ask(LargeRequest, LargeResponse), Stop);
        await duplex.RequestStream.CompleteAsync();
        Assert.Equal([LargeResponse], await SizesAsync(duplex.ResponseStream));
        Assert.Equal("test_initial_metadata_value", (await duplex.ResponseHeadersAsync).GetValue("x-grpc-test-echo-initial"));
        Assert.Equal(trailing, duplex.GetTrailers().GetValueBytes("x-grpc-test-echo-trailing-bin"));
    }

    public Task StatusCodeAndMessage() => AnswersWithAsync("test status message");

    public Task SpecialStatusMessage() => AnswersWithAsync("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP \U0001f608\t\n");

    public Task UnimplementedMethod() => _client.UnimplementedCallAsync(new Empty(), Options()).ResponseAsync.FailsAsync(StatusCode.Unimplemented);

    public Task UnimplementedServiceCase() =>
        new UnimplementedService.UnimplementedServiceClient(channel).UnimplementedCallAsync(new Empty(), Options()).ResponseAsync.FailsAsync(StatusCode.Unimplemented);

    public async Task CancelAfterBegin()
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        using var call = _client.StreamingInputCall(Options().WithCancellationToken(cancel.Token));
        await cancel.CancelAsync();

        await call.ResponseAsync.FailsAsync(StatusCode.Cancelled);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
    }

    public async Task CancelAfterFirstResponse()
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        using var call = _client.FullDuplexCall(Options().WithCancellationToken(cancel.Token));
        await call.RequestStream.WriteAsync(Ask(27182, 31415), Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        await cancel.CancelAsync();

        await call.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Cancelled);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
    }

    public async Task TimeoutOnSleepingServer()
    {
        using var call = _client.FullDuplexCall(Options().WithDeadline(DateTime.UtcNow.AddMilliseconds(1)));
        try
        {
            await call.RequestStream.WriteAsync(new StreamingOutputCallRequest { Payload = Zeros(27182) }, Stop);
        }
        catch (RpcException e)
        {
            // The deadline may be faster than the message.
            Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
        }

        await call.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.DeadlineExceeded);
    }

    private static Payload Zeros(int size) => new() { Body = ByteString.CopyFrom(new byte[size]) };

    private static void AssertZeros(int size, Payload payload)
    {
        Assert.Equal(size, payload.Body.Length);
        Assert.False(payload.Body.Span.ContainsAnyExcept((byte)0));
    }

    private static StreamingOutputCallRequest Ask(int requestSize, int responseSize) =>
        new() { ResponseParameters = { new ResponseParameters { Size = responseSize } }, Payload = Zeros(requestSize) };

    private static async Task<List<int>> SizesAsync(IAsyncStreamReader<StreamingOutputCallResponse> responses)
    {
        var sizes = new List<int>();
        await foreach (var response in responses.ReadAllAsync(Stop))
        {
            AssertZeros(response.Payload.Body.Length, response.Payload);
            sizes.Add(response.Payload.Body.Length);
        }

        return sizes;
    }

    private async Task AnswersWithAsync(string message)
    {
        var status = new EchoStatus { Code = (int)StatusCode.Unknown, Message = message };
        var error = await _client.UnaryCallAsync(new SimpleRequest { ResponseStatus = status }, Options()).ResponseAsync.FailsAsync(StatusCode.Unknown);
        Assert.Equal(message, error.Status.Detail);

        using var call = _client.FullDuplexCall(Options());
        await call.RequestStream.WriteAsync(new StreamingOutputCallRequest { ResponseStatus = status }, Stop);
        await call.RequestStream.CompleteAsync();
        error = await call.ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.Unknown);
        Assert.Equal(message, error.Status.Detail);
    }

    private CallOptions Options(params (string Key, string Value)[] headers)
    {
        var metadata = new Metadata { { "x-case", name } };
        foreach (var (key, value) in headers)
        {
            metadata.Add(key, value);
        }

        return new CallOptions(metadata, cancellationToken: Stop);
    }

    private CallOptions Compressed() => Options(("grpc-internal-encoding-request", "gzip"));
}
