using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Grpc.AspNetCore.Server.Binding;

/// <summary>
/// Knows which services are singletons. Such an object is fetched once, from the root, instead of per call: a call whose
/// service and interceptors are singletons then needs no scope of its own.
/// </summary>
internal sealed class Singletons(IServiceCollection registrations)
{
    public bool Has(Type type, IServiceProvider root)
    {
        // Another container may know of registrations that this collection does not.
        if (root.GetType().Assembly != typeof(ServiceProvider).Assembly)
        {
            return false;
        }

        var registration = Last(type) ?? (type.IsConstructedGenericType ? Last(type.GetGenericTypeDefinition()) : null);
        return registration is { Lifetime: ServiceLifetime.Singleton };

        ServiceDescriptor? Last(Type of) => registrations.LastOrDefault(each => each.ServiceType == of && !each.IsKeyedService);
    }
}

/// <summary>Takes the service object from the services, or makes one and disposes of it after the call.</summary>
internal sealed class DefaultServiceActivator<TService> : IGrpcServiceActivator<TService>
    where TService : class
{
    private readonly bool _isService;
    private readonly ObjectFactory<TService>? _factory;
    private readonly Lazy<TService>? _singleton;
    private readonly IServiceProvider? _root;

    public DefaultServiceActivator(IServiceProviderIsService isService, Singletons singletons, IServiceProvider root)
    {
        _isService = isService.IsService(typeof(TService));
        if (!_isService)
        {
            _factory = ActivatorUtilities.CreateFactory<TService>([]);
            // Singletons are the same in every scope: an object that is made of them alone needs none.
            _root = typeof(TService).GetConstructors() is [var only]
                && only.GetParameters().All(parameter => !parameter.IsDefined(typeof(FromKeyedServicesAttribute), inherit: true) && singletons.Has(parameter.ParameterType, root))
                ? root : null;
        }
        else if (singletons.Has(typeof(TService), root))
        {
            _singleton = new Lazy<TService>(root.GetRequiredService<TService>);
        }

        NeedsRelease = !_isService && (typeof(IDisposable).IsAssignableFrom(typeof(TService)) || typeof(IAsyncDisposable).IsAssignableFrom(typeof(TService)));
    }

    /// <summary>Whether <see cref="ReleaseAsync"/> does anything for objects of this service.</summary>
    public bool NeedsRelease { get; }

    /// <summary>The one object, where the service is a singleton.</summary>
    public TService? Singleton => _singleton?.Value;

    /// <summary>For a call; its services are fetched only where they are needed, since a scope is made for them then.</summary>
    public GrpcActivatorHandle<TService> Create(HttpContext http) => Create(_root ?? http.RequestServices);

    public GrpcActivatorHandle<TService> Create(IServiceProvider serviceProvider) => _isService
        ? new GrpcActivatorHandle<TService>(serviceProvider.GetRequiredService<TService>(), created: false, state: null)
        : new GrpcActivatorHandle<TService>(_factory!(serviceProvider, null), created: true, state: null);

    public ValueTask ReleaseAsync(GrpcActivatorHandle<TService> service) => Disposal.DisposeAsync(service.Created ? service.Instance : null);
}

/// <summary>An interceptor activator that may know the one object there is.</summary>
internal interface ISingletonInterceptor
{
    bool IsSingleton { get; }

    Interceptor Get();
}

/// <summary>Takes an interceptor from the services, or makes one and disposes of it after the call.</summary>
internal sealed class DefaultInterceptorActivator<TInterceptor> : IGrpcInterceptorActivator<TInterceptor>, ISingletonInterceptor
    where TInterceptor : Interceptor
{
    private readonly bool _isService;
    private readonly Lazy<TInterceptor>? _singleton;
    private readonly Lock _gate = new();
    private (InterceptorRegistration Registration, ObjectFactory<TInterceptor> Factory, object[] Arguments)[] _factories = [];

    public DefaultInterceptorActivator(IServiceProviderIsService isService, Singletons singletons, IServiceProvider root)
    {
        _isService = isService.IsService(typeof(TInterceptor));
        if (_isService && singletons.Has(typeof(TInterceptor), root))
        {
            _singleton = new Lazy<TInterceptor>(root.GetRequiredService<TInterceptor>);
        }
    }

    public bool IsSingleton => _singleton is not null;

    public Interceptor Get() => _singleton!.Value;

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
