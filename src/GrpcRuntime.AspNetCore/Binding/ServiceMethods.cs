using System.Reflection;
using Grpc.AspNetCore.Server.Calls;
using Grpc.Core;

namespace Grpc.AspNetCore.Server.Binding;

/// <summary>A method of a service as it is served: its handler, and the attributes of the class and the method.</summary>
internal sealed record ServiceMethod(IMethod Method, CallHandler Handler, IReadOnlyList<object> Metadata);

/// <summary>
/// Takes the methods of a generated service from its <c>BindService</c> and makes an open delegate of each, once,
/// so that a call costs no reflection and no delegate.
/// </summary>
internal sealed class ServiceMethods<TService>(CallHandlerFactory<TService> factory, Type baseType) : ServiceBinderBase
    where TService : class
{
    public List<ServiceMethod> All { get; } = [];

    public static BindServiceMethodAttribute? FindBinding(out Type? baseType)
    {
        for (baseType = typeof(TService); baseType is not null; baseType = baseType.BaseType)
        {
            if (baseType.GetCustomAttribute<BindServiceMethodAttribute>(inherit: false) is { } binding)
            {
                return binding;
            }
        }

        return null;
    }

    public void Bind(BindServiceMethodAttribute binding)
    {
        var bind = binding.BindType.GetMethod(
            binding.BindMethodName,
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static,
            [typeof(ServiceBinderBase), baseType])
            ?? throw new InvalidOperationException($"{binding.BindType} has no method {binding.BindMethodName}(ServiceBinderBase, {baseType.Name}).");
        bind.Invoke(null, BindingFlags.DoNotWrapExceptions, binder: null, [this, null], culture: null);
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        var (invoke, metadata) = Open<UnaryInvoker<TService, TRequest, TResponse>>(method.Name, [typeof(TRequest), typeof(ServerCallContext)]);
        All.Add(new ServiceMethod(method, factory.Unary(method, invoke), metadata));
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var (invoke, metadata) = Open<ClientStreamingInvoker<TService, TRequest, TResponse>>(
            method.Name, [typeof(IAsyncStreamReader<TRequest>), typeof(ServerCallContext)]);
        All.Add(new ServiceMethod(method, factory.ClientStreaming(method, invoke), metadata));
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var (invoke, metadata) = Open<ServerStreamingInvoker<TService, TRequest, TResponse>>(
            method.Name, [typeof(TRequest), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext)]);
        All.Add(new ServiceMethod(method, factory.ServerStreaming(method, invoke), metadata));
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var (invoke, metadata) = Open<DuplexInvoker<TService, TRequest, TResponse>>(
            method.Name, [typeof(IAsyncStreamReader<TRequest>), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext)]);
        All.Add(new ServiceMethod(method, factory.Duplex(method, invoke), metadata));
    }

    private static (TDelegate Invoke, IReadOnlyList<object> Metadata) Open<TDelegate>(string name, Type[] parameters)
        where TDelegate : Delegate
    {
        // The most derived override: its attributes count, those of what it overrides with them.
        var method = typeof(TService).GetMethod(name, BindingFlags.Public | BindingFlags.Instance, parameters)
            ?? throw new InvalidOperationException($"{typeof(TService)} has no method {name} with the parameters of its contract.");
        List<object> metadata = [.. typeof(TService).GetCustomAttributes(inherit: true), .. method.GetCustomAttributes(inherit: true)];
        return (method.CreateDelegate<TDelegate>(), metadata);
    }
}
