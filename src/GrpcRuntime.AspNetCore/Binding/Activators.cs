using Grpc.Core.Interceptors;
using Microsoft.Extensions.DependencyInjection;

namespace Grpc.AspNetCore.Server.Binding;

/// <summary>Takes the service object from the services, or makes one and disposes of it after the call.</summary>
internal sealed class DefaultServiceActivator<TService> : IGrpcServiceActivator<TService>
    where TService : class
{
    private readonly bool _isService;
    private readonly ObjectFactory<TService>? _factory;

    public DefaultServiceActivator(IServiceProviderIsService isService)
    {
        _isService = isService.IsService(typeof(TService));
        if (!_isService)
        {
            _factory = ActivatorUtilities.CreateFactory<TService>([]);
        }

        NeedsRelease = !_isService && (typeof(IDisposable).IsAssignableFrom(typeof(TService)) || typeof(IAsyncDisposable).IsAssignableFrom(typeof(TService)));
    }

    /// <summary>Whether <see cref="ReleaseAsync"/> does anything for objects of this service.</summary>
    public bool NeedsRelease { get; }

    public GrpcActivatorHandle<TService> Create(IServiceProvider serviceProvider) => _isService
        ? new GrpcActivatorHandle<TService>(serviceProvider.GetRequiredService<TService>(), created: false, state: null)
        : new GrpcActivatorHandle<TService>(_factory!(serviceProvider, null), created: true, state: null);

    public ValueTask ReleaseAsync(GrpcActivatorHandle<TService> service) => Disposal.DisposeAsync(service.Created ? service.Instance : null);
}

/// <summary>Takes an interceptor from the services, or makes one and disposes of it after the call.</summary>
internal sealed class DefaultInterceptorActivator<TInterceptor>(IServiceProviderIsService isService) : IGrpcInterceptorActivator<TInterceptor>
    where TInterceptor : Interceptor
{
    private readonly bool _isService = isService.IsService(typeof(TInterceptor));
    private readonly Lock _gate = new();
    private (InterceptorRegistration Registration, ObjectFactory<TInterceptor> Factory, object[] Arguments)[] _factories = [];

    public GrpcActivatorHandle<Interceptor> Create(IServiceProvider serviceProvider, InterceptorRegistration interceptorRegistration)
    {
        // Arguments of its own mean that the registered object is not meant.
        if (_isService && interceptorRegistration.Arguments.Count == 0)
        {
            return new GrpcActivatorHandle<Interceptor>(serviceProvider.GetRequiredService<TInterceptor>(), created: false, state: null);
        }

        foreach (var (registration, factory, arguments) in Volatile.Read(ref _factories))
        {
            if (ReferenceEquals(registration, interceptorRegistration))
            {
                return new GrpcActivatorHandle<Interceptor>(factory(serviceProvider, arguments), created: true, state: null);
            }
        }

        object[] own = [.. interceptorRegistration.Arguments];
        var made = ActivatorUtilities.CreateFactory<TInterceptor>([.. own.Select(argument => argument.GetType())]);
        lock (_gate)
        {
            _factories = [.. _factories, (interceptorRegistration, made, own)];
        }

        return new GrpcActivatorHandle<Interceptor>(made(serviceProvider, own), created: true, state: null);
    }

    public ValueTask ReleaseAsync(GrpcActivatorHandle<Interceptor> interceptor) => Disposal.DisposeAsync(interceptor.Created ? interceptor.Instance : null);
}

internal static class Disposal
{
    public static ValueTask DisposeAsync(object? instance)
    {
        switch (instance)
        {
            case IAsyncDisposable disposable:
                return disposable.DisposeAsync();
            case IDisposable disposable:
                disposable.Dispose();
                return default;
            default:
                return default;
        }
    }
}
