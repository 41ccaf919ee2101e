using Grpc.Core.Interceptors;

namespace Grpc.AspNetCore.Server;

/// <summary>Makes and releases the service object of a call.</summary>
/// <typeparam name="TGrpcService">The service.</typeparam>
public interface IGrpcServiceActivator<TGrpcService>
    where TGrpcService : class
{
    /// <summary>The service object for a call.</summary>
    GrpcActivatorHandle<TGrpcService> Create(IServiceProvider serviceProvider);

    /// <summary>Called with what <see cref="Create"/> gave, when the call is done.</summary>
    ValueTask ReleaseAsync(GrpcActivatorHandle<TGrpcService> service);
}

/// <summary>Makes and releases the interceptors of a call.</summary>
public interface IGrpcInterceptorActivator
{
    /// <summary>The interceptor for a call.</summary>
    GrpcActivatorHandle<Interceptor> Create(IServiceProvider serviceProvider, InterceptorRegistration interceptorRegistration);

    /// <summary>Called with what <see cref="Create"/> gave, when the call is done.</summary>
    ValueTask ReleaseAsync(GrpcActivatorHandle<Interceptor> interceptor);
}

/// <summary>Makes and releases the interceptors of one type.</summary>
/// <typeparam name="TInterceptor">The type.</typeparam>
public interface IGrpcInterceptorActivator<TInterceptor> : IGrpcInterceptorActivator
    where TInterceptor : Interceptor;

/// <summary>An object made for a call, or taken from the services.</summary>
/// <typeparam name="T">The type of the object.</typeparam>
/// <param name="instance">The object.</param>
/// <param name="created">Whether it was made for this call, so that it is to be disposed of with it.</param>
/// <param name="state">Whatever the activator wants to have back.</param>
#pragma warning disable CA1815 // A handle is never compared.
public readonly struct GrpcActivatorHandle<T>(T instance, bool created, object? state)
#pragma warning restore CA1815
{
    /// <summary>The object.</summary>
    public T Instance { get; } = instance;

    /// <summary>Whether it was made for this call.</summary>
    public bool Created { get; } = created;

    /// <summary>Whatever the activator wanted to have back.</summary>
    public object? State { get; } = state;
}
