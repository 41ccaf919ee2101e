using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.DependencyInjection;

namespace Grpc.AspNetCore.Server.Binding;

/// <summary>
/// Wraps the interceptors of a service around its methods. The chain is built once per method; each link takes its
/// interceptor from the services of the call it runs in. Of the one object of a singleton it keeps a delegate: a generic virtual
/// method is otherwise looked up at each call.
/// </summary>
internal sealed class InterceptorPipeline
{
    private readonly (IGrpcInterceptorActivator Activator, InterceptorRegistration Registration)[] _innermostFirst;

    public InterceptorPipeline(IReadOnlyList<InterceptorRegistration> registrations, IServiceProvider services) =>
        _innermostFirst = [.. registrations.Reverse().Select(registration => (
            (IGrpcInterceptorActivator)services.GetRequiredService(typeof(IGrpcInterceptorActivator<>).MakeGenericType(registration.Type)),
            registration))];

    public UnaryServerMethod<TRequest, TResponse> Wrap<TRequest, TResponse>(UnaryServerMethod<TRequest, TResponse> method)
        where TRequest : class
        where TResponse : class
    {
        foreach (var (activator, registration) in _innermostFirst)
        {
            var next = method;
            if (Singleton(activator, registration) is { } singleton)
            {
                Func<TRequest, ServerCallContext, UnaryServerMethod<TRequest, TResponse>, Task<TResponse>>? bound = null;
                method = (request, context) => (bound ??= singleton().UnaryServerHandler)(request, context, next);
                continue;
            }

            method = async (request, context) =>
            {
                var handle = activator.Create(Services(context), registration);
                try
                {
                    return await handle.Instance.UnaryServerHandler(request, context, next);
                }
                finally
                {
                    await activator.ReleaseAsync(handle);
                }
            };
        }

        return method;
    }

    public ClientStreamingServerMethod<TRequest, TResponse> Wrap<TRequest, TResponse>(ClientStreamingServerMethod<TRequest, TResponse> method)
        where TRequest : class
        where TResponse : class
    {
        foreach (var (activator, registration) in _innermostFirst)
        {
            var next = method;
            if (Singleton(activator, registration) is { } singleton)
            {
                Func<IAsyncStreamReader<TRequest>, ServerCallContext, ClientStreamingServerMethod<TRequest, TResponse>, Task<TResponse>>? bound = null;
                method = (requests, context) => (bound ??= singleton().ClientStreamingServerHandler)(requests, context, next);
                continue;
            }

            method = async (requests, context) =>
            {
                var handle = activator.Create(Services(context), registration);
                try
                {
                    return await handle.Instance.ClientStreamingServerHandler(requests, context, next);
                }
                finally
                {
                    await activator.ReleaseAsync(handle);
                }
            };
        }

        return method;
    }

    public ServerStreamingServerMethod<TRequest, TResponse> Wrap<TRequest, TResponse>(ServerStreamingServerMethod<TRequest, TResponse> method)
        where TRequest : class
        where TResponse : class
    {
        foreach (var (activator, registration) in _innermostFirst)
        {
            var next = method;
            if (Singleton(activator, registration) is { } singleton)
            {
                Func<TRequest, IServerStreamWriter<TResponse>, ServerCallContext, ServerStreamingServerMethod<TRequest, TResponse>, Task>? bound = null;
                method = (request, responses, context) => (bound ??= singleton().ServerStreamingServerHandler)(request, responses, context, next);
                continue;
            }

            method = async (request, responses, context) =>
            {
                var handle = activator.Create(Services(context), registration);
                try
                {
                    await handle.Instance.ServerStreamingServerHandler(request, responses, context, next);
                }
                finally
                {
                    await activator.ReleaseAsync(handle);
                }
            };
        }

        return method;
    }

    public DuplexStreamingServerMethod<TRequest, TResponse> Wrap<TRequest, TResponse>(DuplexStreamingServerMethod<TRequest, TResponse> method)
        where TRequest : class
        where TResponse : class
    {
        foreach (var (activator, registration) in _innermostFirst)
        {
            var next = method;
            if (Singleton(activator, registration) is { } singleton)
            {
                Func<IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, ServerCallContext, DuplexStreamingServerMethod<TRequest, TResponse>, Task>? bound = null;
                method = (requests, responses, context) => (bound ??= singleton().DuplexStreamingServerHandler)(requests, responses, context, next);
                continue;
            }

            method = async (requests, responses, context) =>
            {
                var handle = activator.Create(Services(context), registration);
                try
                {
                    await handle.Instance.DuplexStreamingServerHandler(requests, responses, context, next);
                }
                finally
                {
                    await activator.ReleaseAsync(handle);
                }
            };
        }

        return method;
    }

    // A function, since the services are not to be made before the first call.
    private static Func<Interceptor>? Singleton(IGrpcInterceptorActivator activator, InterceptorRegistration registration) =>
        activator is ISingletonInterceptor { IsSingleton: true } known && registration.Arguments.Count == 0 ? known.Get : null;

    private static IServiceProvider Services(ServerCallContext context) => context.GetHttpContext().RequestServices;
}
