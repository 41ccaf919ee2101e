using Grpc.Core;
using Grpc.Core.Interceptors;
using GrpcRuntime.Surface.Protos;

namespace GrpcRuntime.Surface;

/// <summary>A service as anybody would write it.</summary>
internal sealed class GreeterService : Greeter.GreeterBase
{
    public override async Task<GreetReply> Greet(GreetRequest request, ServerCallContext context)
    {
        if (request.Name.Length == 0)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "A name is needed."), new Metadata { { "field", "name" } });
        }

        if (request.Times < 0)
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        }

        await context.WriteResponseHeadersAsync(new Metadata { { "peer-known", context.Peer.Length > 0 ? "yes" : "no" } });
        context.ResponseTrailers.Add("method", context.Method);
        context.ResponseTrailers.Add("raw-bin", [1, 2, 3]);
        context.UserState["greeted"] = request.Name;
        return new GreetReply { Text = $"Hello {request.Name}, {context.RequestHeaders.GetValue("greeting") ?? "hi"}" };
    }

    public override async Task<GreetReply> GreetAll(IAsyncStreamReader<GreetRequest> requestStream, ServerCallContext context)
    {
        var names = new List<string>();
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            names.Add(request.Name);
        }

        return new GreetReply { Text = string.Join(',', names) };
    }

    public override async Task GreetOften(GreetRequest request, IServerStreamWriter<GreetReply> responseStream, ServerCallContext context)
    {
        for (var i = 0; i < request.Times; i++)
        {
            responseStream.WriteOptions = new WriteOptions(i < request.Times - 1 ? WriteFlags.BufferHint : WriteFlags.NoCompress);
            await responseStream.WriteAsync(new GreetReply { Text = $"{request.Name} {i}" }, context.CancellationToken);
        }
    }

    public override async Task GreetEach(IAsyncStreamReader<GreetRequest> requestStream, IServerStreamWriter<GreetReply> responseStream, ServerCallContext context)
    {
        while (await requestStream.MoveNext())
        {
            await responseStream.WriteAsync(new GreetReply { Text = requestStream.Current.Name });
        }

        context.Status = new Status(StatusCode.OutOfRange, "no more");
    }
}

/// <summary>What interceptors do on both sides: see every kind of call, and pass it on.</summary>
internal sealed class CountingInterceptor : Interceptor
{
    private int _calls;

    public int Calls => _calls;

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _calls);
        return continuation(request, context);
    }

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _calls);
        return continuation(requestStream, context);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _calls);
        return continuation(request, responseStream, context);
    }

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _calls);
        return continuation(requestStream, responseStream, context);
    }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, BlockingUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _calls);
        return continuation(request, context);
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _calls);
        var headers = new Metadata { { "greeting", "good day" } };
        var changed = new ClientInterceptorContext<TRequest, TResponse>(context.Method, context.Host, context.Options.WithHeaders(headers));
        var call = continuation(request, changed);
        return new AsyncUnaryCall<TResponse>(call.ResponseAsync, call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context, AsyncClientStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _calls);
        return continuation(context);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _calls);
        return continuation(request, context);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context, AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        Interlocked.Increment(ref _calls);
        return continuation(context);
    }
}
