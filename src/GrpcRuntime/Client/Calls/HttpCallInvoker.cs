using Grpc.Core;

namespace Grpc.Net.Client.Calls;

/// <summary>Makes calls on a channel.</summary>
internal sealed class HttpCallInvoker(GrpcChannel channel) : CallInvoker
{
    // Each call object is made of these and the call itself: no closures.
    private static readonly Func<object, Task<Metadata>> Headers = static call => ((GrpcCall)call).ResponseHeadersAsync();
    private static readonly Func<object, Status> GetStatus = static call => ((GrpcCall)call).GetStatus();
    private static readonly Func<object, Metadata> GetTrailers = static call => ((GrpcCall)call).GetTrailers();
    private static readonly Action<object> Dispose = static call => ((GrpcCall)call).Dispose();

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        AsyncUnaryCall(method, host, options, request).GetAwaiter().GetResult();

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new GrpcCall<TRequest, TResponse>(channel, method, host, options);
        var response = call.UnaryAsync(request);
        return new AsyncUnaryCall<TResponse>(response, Headers, GetStatus, GetTrailers, Dispose, call);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new GrpcCall<TRequest, TResponse>(channel, method, host, options);
        var responses = call.StartServerStream(request);
        return new AsyncServerStreamingCall<TResponse>(responses, Headers, GetStatus, GetTrailers, Dispose, call);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new GrpcCall<TRequest, TResponse>(channel, method, host, options);
        var (requests, response) = call.StartClientStream();
        return new AsyncClientStreamingCall<TRequest, TResponse>(requests, response, Headers, GetStatus, GetTrailers, Dispose, call);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new GrpcCall<TRequest, TResponse>(channel, method, host, options);
        var (requests, responses) = call.StartDuplexStream();
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(requests, responses, Headers, GetStatus, GetTrailers, Dispose, call);
    }
}
