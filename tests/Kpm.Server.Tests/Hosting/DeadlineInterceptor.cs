using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Kpm.Server.Tests.Hosting;

/// <summary>Gives every unary call a deadline, generous enough for a loaded machine, so that a hanging server fails a test instead of stopping it.</summary>
internal sealed class DeadlineInterceptor : Interceptor
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation) =>
        continuation(request, new ClientInterceptorContext<TRequest, TResponse>(context.Method, context.Host, context.Options.WithDeadline(context.Options.Deadline ?? DateTime.UtcNow + Patience)));
}
