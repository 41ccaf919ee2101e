using Grpc.Core;
using GrpcRuntime.Tests.Protos;

namespace GrpcRuntime.Tests.Server;

/// <summary>What a test makes the echo service do instead of echoing.</summary>
public sealed class EchoHooks
{
    public Func<EchoRequest, ServerCallContext, Task<EchoReply>>? Unary { get; set; }

    public Func<IAsyncStreamReader<EchoRequest>, ServerCallContext, Task<EchoReply>>? Collect { get; set; }

    public Func<EchoRequest, IServerStreamWriter<EchoReply>, ServerCallContext, Task>? Expand { get; set; }

    public Func<IAsyncStreamReader<EchoRequest>, IServerStreamWriter<EchoReply>, ServerCallContext, Task>? Chat { get; set; }
}

/// <summary>
/// Echoes messages, and metadata: what comes as <c>x-echo…</c> goes back as a header, what comes as <c>x-trail…</c> as a trailer.
/// </summary>
public sealed class EchoService(EchoHooks hooks) : Echo.EchoBase
{
    public override async Task<EchoReply> Unary(EchoRequest request, ServerCallContext context)
    {
        if (hooks.Unary is { } hook)
        {
            return await hook(request, context);
        }

        await EchoMetadataAsync(context);
        await ObeyAsync(request, context);
        return Reply(request, 0);
    }

    public override async Task<EchoReply> Collect(IAsyncStreamReader<EchoRequest> requestStream, ServerCallContext context)
    {
        if (hooks.Collect is { } hook)
        {
            return await hook(requestStream, context);
        }

        await EchoMetadataAsync(context);
        var reply = new EchoReply();
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            await ObeyAsync(request, context);
            reply.Text += request.Text;
            reply.Index++;
        }

        return reply;
    }

    public override async Task Expand(EchoRequest request, IServerStreamWriter<EchoReply> responseStream, ServerCallContext context)
    {
        if (hooks.Expand is { } hook)
        {
            await hook(request, responseStream, context);
            return;
        }

        await EchoMetadataAsync(context);
        for (var i = 0; i < request.Count; i++)
        {
            await responseStream.WriteAsync(Reply(request, i), context.CancellationToken);
        }

        await ObeyAsync(request, context);
    }

    public override async Task Chat(IAsyncStreamReader<EchoRequest> requestStream, IServerStreamWriter<EchoReply> responseStream, ServerCallContext context)
    {
        if (hooks.Chat is { } hook)
        {
            await hook(requestStream, responseStream, context);
            return;
        }

        await EchoMetadataAsync(context);
        var index = 0;
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            await ObeyAsync(request, context);
            await responseStream.WriteAsync(Reply(request, index++), context.CancellationToken);
        }
    }

    private static EchoReply Reply(EchoRequest request, int index) => new() { Text = request.Text, Payload = request.Payload, Index = index };

    private static async Task ObeyAsync(EchoRequest request, ServerCallContext context)
    {
        if (request.DelayMilliseconds != 0)
        {
            await Task.Delay(request.DelayMilliseconds, context.CancellationToken);
        }

        if (request.StatusCode != 0)
        {
            var trailers = new Metadata { { "grpc-status-details-bin", request.Payload.ToByteArray() } };
            throw new RpcException(new Status((StatusCode)request.StatusCode, request.StatusDetail), trailers);
        }
    }

    private static async Task EchoMetadataAsync(ServerCallContext context)
    {
        var headers = new Metadata();
        foreach (var entry in context.RequestHeaders)
        {
            if (entry.Key.StartsWith("x-echo", StringComparison.Ordinal))
            {
                headers.Add(entry);
            }
            else if (entry.Key.StartsWith("x-trail", StringComparison.Ordinal))
            {
                context.ResponseTrailers.Add(entry);
            }
        }

        if (headers.Count != 0)
        {
            await context.WriteResponseHeadersAsync(headers);
        }
    }
}
