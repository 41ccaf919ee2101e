using Google.Protobuf;
using Grpc.Core;
using Grpc.Testing;
using Microsoft.AspNetCore.Http;

namespace GrpcRuntime.Tests.Interop;

/// <summary>The server of gRPC's interoperability tests, as their specification describes it.</summary>
internal sealed class InteropService : TestService.TestServiceBase
{
    public override Task<Empty> EmptyCall(Empty request, ServerCallContext context) => Task.FromResult(new Empty());

    public override async Task<SimpleResponse> UnaryCall(SimpleRequest request, ServerCallContext context)
    {
        CheckCompression(request.ExpectCompressed, context);
        await SendHeadersAsync(context, compress: request.ResponseCompressed is not null);
        ThrowIfAsked(request.ResponseStatus);
        SetCompression(request.ResponseCompressed, context);
        return new SimpleResponse { Payload = Zeros(request.ResponseSize) };
    }

    public override Task<SimpleResponse> CacheableUnaryCall(SimpleRequest request, ServerCallContext context) => UnaryCall(request, context);

    public override async Task StreamingOutputCall(StreamingOutputCallRequest request, IServerStreamWriter<StreamingOutputCallResponse> responseStream, ServerCallContext context)
    {
        await SendHeadersAsync(context, compress: request.ResponseParameters.Any(p => p.Compressed is not null));
        await AnswerAsync(request, responseStream, context);
    }

    public override async Task<StreamingInputCallResponse> StreamingInputCall(IAsyncStreamReader<StreamingInputCallRequest> requestStream, ServerCallContext context)
    {
        await SendHeadersAsync(context, compress: false);
        var total = 0;
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            CheckCompression(request.ExpectCompressed, context);
            total += request.Payload.Body.Length;
        }

        return new StreamingInputCallResponse { AggregatedPayloadSize = total };
    }

    public override async Task FullDuplexCall(IAsyncStreamReader<StreamingOutputCallRequest> requestStream, IServerStreamWriter<StreamingOutputCallResponse> responseStream, ServerCallContext context)
    {
        await SendHeadersAsync(context, compress: false);
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            await AnswerAsync(request, responseStream, context);
        }
    }

    public override async Task HalfDuplexCall(IAsyncStreamReader<StreamingOutputCallRequest> requestStream, IServerStreamWriter<StreamingOutputCallResponse> responseStream, ServerCallContext context)
    {
        await SendHeadersAsync(context, compress: false);
        var requests = new List<StreamingOutputCallRequest>();
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            requests.Add(request);
        }

        foreach (var request in requests)
        {
            await AnswerAsync(request, responseStream, context);
        }
    }

    /// <summary>Before the service: notes the flags of each call's messages, for the service and for the test.</summary>
    public static async Task NoteFlagsAsync(HttpContext http, RequestDelegate next, InteropRecord record)
    {
        var call = new NotedCall(http.Request.Headers["x-case"].ToString(), new MessageFlags(), new MessageFlags());
        record.Add(call);
        http.Items[typeof(NotedCall)] = call;
        http.Request.Body = new FlagStream(http.Request.Body, call.Requests);
        http.Response.Body = new FlagStream(http.Response.Body, call.Responses);
        await next(http);
        if (http.Response.BodyWriter.UnflushedBytes > 0)
        {
            await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
        }
    }

    private static Payload Zeros(int size) => new() { Body = UnsafeByteOperations.UnsafeWrap(new byte[size]) };

    private static async Task AnswerAsync(StreamingOutputCallRequest request, IServerStreamWriter<StreamingOutputCallResponse> responses, ServerCallContext context)
    {
        ThrowIfAsked(request.ResponseStatus);
        foreach (var parameters in request.ResponseParameters)
        {
            if (parameters.IntervalUs != 0)
            {
                await Task.Delay(TimeSpan.FromMicroseconds(parameters.IntervalUs), context.CancellationToken);
            }

            SetCompression(parameters.Compressed, context);
            await responses.WriteAsync(new StreamingOutputCallResponse { Payload = Zeros(parameters.Size) }, context.CancellationToken);
        }
    }

    private static void ThrowIfAsked(EchoStatus? status)
    {
        if (status is not null)
        {
            throw new RpcException(new Status((StatusCode)status.Code, status.Message));
        }
    }

    private static void SetCompression(BoolValue? wanted, ServerCallContext context) =>
        context.WriteOptions = wanted is { Value: false } ? new WriteOptions(WriteFlags.NoCompress) : null;

    /// <summary>Of the message that was read last.</summary>
    private static void CheckCompression(BoolValue? expected, ServerCallContext context)
    {
        var noted = (NotedCall)context.GetHttpContext().Items[typeof(NotedCall)]!;
        var came = noted.Requests.All[noted.Checked++] == 1;
        if (expected is not null && expected.Value != came)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"The request was {(came ? "" : "not ")}compressed."));
        }
    }

    private static async Task SendHeadersAsync(ServerCallContext context, bool compress)
    {
        var headers = new Metadata();
        if (compress)
        {
            headers.Add("grpc-internal-encoding-request", "gzip");
        }

        if (context.RequestHeaders.Get("x-grpc-test-echo-initial") is { } initial)
        {
            headers.Add(initial);
        }

        if (context.RequestHeaders.Get("x-grpc-test-echo-trailing-bin") is { } trailing)
        {
            context.ResponseTrailers.Add(trailing);
        }

        if (headers.Count != 0)
        {
            await context.WriteResponseHeadersAsync(headers);
        }
    }
}

/// <summary>The calls that a server got, by the case that its client said they belong to.</summary>
internal sealed class InteropRecord
{
    private readonly Lock _gate = new();
    private readonly List<NotedCall> _calls = [];

    public void Add(NotedCall call)
    {
        lock (_gate)
        {
            _calls.Add(call);
        }
    }

    public IReadOnlyList<NotedCall> Of(string name)
    {
        lock (_gate)
        {
            return [.. _calls.Where(call => call.Case == name)];
        }
    }
}

internal sealed record NotedCall(string Case, MessageFlags Requests, MessageFlags Responses)
{
    /// <summary>How many of its requests the service looked at.</summary>
    public int Checked { get; set; }
}
