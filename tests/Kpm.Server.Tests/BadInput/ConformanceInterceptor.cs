using Grpc.Core;
using Grpc.Core.Interceptors;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>
/// Fails a test whose server answers with a status that breaks the contract of errors: exactly one ErrorInfo of
/// the catalogue, field names with INVALID_REQUEST, a delay where one is promised. Only statuses that the gRPC
/// runtime makes below the interceptors may come without.
/// </summary>
internal sealed class ConformanceInterceptor : Interceptor
{
    // INTERNAL: undecodable message; RESOURCE_EXHAUSTED: oversize; UNAVAILABLE: no connection.
    private static readonly StatusCode[] OfTheRuntime =
        [StatusCode.Internal, StatusCode.ResourceExhausted, StatusCode.Unimplemented, StatusCode.DeadlineExceeded, StatusCode.Cancelled, StatusCode.Unavailable];

    private static readonly HashSet<string> Reasons =
        [.. Enum.GetValues<ErrorReason>().Where(r => r != ErrorReason.Unspecified).Select(Outcome.NameOf)];

    private static readonly HashSet<string> WithFields = [Outcome.NameOf(ErrorReason.InvalidRequest), Outcome.NameOf(ErrorReason.PasswordRejected)];

    private static readonly HashSet<string> WithDelay = [Outcome.NameOf(ErrorReason.RateLimited), Outcome.NameOf(ErrorReason.Unavailable)];

    public static CallInvoker On(ChannelBase channel) => channel.Intercept(new ConformanceInterceptor());

    public static void Check(Outcome outcome)
    {
        var shown = outcome.ToString();
        if (outcome.Rich is null)
        {
            Assert.True(OfTheRuntime.Contains(outcome.Code), "no details: " + shown);
            return;
        }

        Assert.Equal((int)outcome.Code, outcome.Rich.Code);
        Assert.Equal(outcome.Text, outcome.Rich.Message);
        var error = Assert.Single(outcome.Errors);
        Assert.Equal("kpm", error.Domain);
        Assert.Contains(error.Reason, Reasons);
        Assert.True(WithFields.Contains(error.Reason) == outcome.Fields.Count > 0, "field violations: " + shown);
        // A password is named once for each rule that it breaks, any other field once.
        Assert.True(outcome.Fields.Distinct(StringComparer.Ordinal).Count() == outcome.Fields.Count || error.Reason == Outcome.NameOf(ErrorReason.PasswordRejected), "named twice: " + shown);
        Assert.DoesNotContain(outcome.Fields, string.IsNullOrWhiteSpace);
        Assert.True(!WithDelay.Contains(error.Reason) || outcome.Retries.Count == 1, "RetryInfo: " + shown);
        Assert.All(outcome.Retries, r => Assert.True(r.RetryDelay.ToTimeSpan() >= TimeSpan.Zero));
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        var call = continuation(request, context);
        return new AsyncUnaryCall<TResponse>(Checked(call.ResponseAsync), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context, AsyncClientStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var call = continuation(context);
        return new AsyncClientStreamingCall<TRequest, TResponse>(
            call.RequestStream, Checked(call.ResponseAsync), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var call = continuation(request, context);
        return new AsyncServerStreamingCall<TResponse>(new Reader<TResponse>(call.ResponseStream), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context, AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var call = continuation(context);
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            call.RequestStream, new Reader<TResponse>(call.ResponseStream), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    private static async Task<T> Checked<T>(Task<T> answer)
    {
        try
        {
            return await answer;
        }
        catch (RpcException e)
        {
            Check(Outcome.Of(e));
            throw;
        }
    }

    private sealed class Reader<T>(IAsyncStreamReader<T> inner) : IAsyncStreamReader<T>
    {
        public T Current => inner.Current;

        public Task<bool> MoveNext(CancellationToken cancellationToken) => Checked(inner.MoveNext(cancellationToken));
    }
}
