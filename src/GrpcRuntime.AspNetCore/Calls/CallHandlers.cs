using Grpc.AspNetCore.Server.Binding;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>A unary method of a service, without its object.</summary>
internal delegate Task<TResponse> UnaryInvoker<TService, TRequest, TResponse>(TService service, TRequest request, ServerCallContext context);

/// <summary>A client-streaming method of a service, without its object.</summary>
internal delegate Task<TResponse> ClientStreamingInvoker<TService, TRequest, TResponse>(
    TService service, IAsyncStreamReader<TRequest> requests, ServerCallContext context);

/// <summary>A server-streaming method of a service, without its object.</summary>
internal delegate Task ServerStreamingInvoker<TService, TRequest, TResponse>(
    TService service, TRequest request, IServerStreamWriter<TResponse> responses, ServerCallContext context);

/// <summary>A duplex method of a service, without its object.</summary>
internal delegate Task DuplexInvoker<TService, TRequest, TResponse>(
    TService service, IAsyncStreamReader<TRequest> requests, IServerStreamWriter<TResponse> responses, ServerCallContext context);

/// <summary>Makes the handlers of a service's methods: the object of the service inside, the interceptors around it.</summary>
internal sealed class CallHandlerFactory<TService>(
    CallSettings settings, IGrpcServiceActivator<TService> activator, InterceptorPipeline pipeline, ILogger logger)
    where TService : class
{
    private readonly bool _needsRelease = activator is not DefaultServiceActivator<TService> { NeedsRelease: false };
    private readonly DefaultServiceActivator<TService>? _default = activator as DefaultServiceActivator<TService>;

    public CallHandler Unary<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryInvoker<TService, TRequest, TResponse> invoke)
        where TRequest : class
        where TResponse : class => new UnaryHandler<TRequest, TResponse>(settings, logger, method, pipeline.Wrap<TRequest, TResponse>((request, context) =>
        {
            var service = Create(context);
            // No lambda here: what it captured would be allocated for each call, needed or not.
            return _needsRelease ? ReleasedAsync(service, invoke, request, context) : invoke(service.Instance, request, context);
        }));

    public CallHandler ClientStreaming<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingInvoker<TService, TRequest, TResponse> invoke)
        where TRequest : class
        where TResponse : class => new ClientStreamingHandler<TRequest, TResponse>(settings, logger, method, pipeline.Wrap<TRequest, TResponse>((requests, context) =>
        {
            var service = Create(context);
            return _needsRelease ? ReleasedAsync(service, invoke, requests, context) : invoke(service.Instance, requests, context);
        }));

    public CallHandler ServerStreaming<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingInvoker<TService, TRequest, TResponse> invoke)
        where TRequest : class
        where TResponse : class => new ServerStreamingHandler<TRequest, TResponse>(settings, logger, method, pipeline.Wrap<TRequest, TResponse>((request, responses, context) =>
        {
            var service = Create(context);
            return _needsRelease
                ? ReleasedAsync(service, invoke, request, responses, context)
                : invoke(service.Instance, request, responses, context);
        }));

    public CallHandler Duplex<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexInvoker<TService, TRequest, TResponse> invoke)
        where TRequest : class
        where TResponse : class => new DuplexHandler<TRequest, TResponse>(settings, logger, method, pipeline.Wrap<TRequest, TResponse>((requests, responses, context) =>
        {
            var service = Create(context);
            return _needsRelease
                ? ReleasedAsync(service, invoke, requests, responses, context)
                : invoke(service.Instance, requests, responses, context);
        }));

    private GrpcActivatorHandle<TService> Create(ServerCallContext context)
    {
        if (_default is null)
        {
            return activator.Create(context.GetHttpContext().RequestServices);
        }

        return _default.Singleton is { } singleton
            ? new GrpcActivatorHandle<TService>(singleton, created: false, state: null)
            : _default.Create(context.GetHttpContext());
    }

    private async Task<TResponse> ReleasedAsync<TRequest, TResponse>(
        GrpcActivatorHandle<TService> service, UnaryInvoker<TService, TRequest, TResponse> invoke, TRequest request, ServerCallContext context)
    {
        try
        {
            return await invoke(service.Instance, request, context);
        }
        finally
        {
            await activator.ReleaseAsync(service);
        }
    }

    private async Task<TResponse> ReleasedAsync<TRequest, TResponse>(
        GrpcActivatorHandle<TService> service, ClientStreamingInvoker<TService, TRequest, TResponse> invoke, IAsyncStreamReader<TRequest> requests, ServerCallContext context)
    {
        try
        {
            return await invoke(service.Instance, requests, context);
        }
        finally
        {
            await activator.ReleaseAsync(service);
        }
    }

    private async Task ReleasedAsync<TRequest, TResponse>(
        GrpcActivatorHandle<TService> service, ServerStreamingInvoker<TService, TRequest, TResponse> invoke, TRequest request, IServerStreamWriter<TResponse> responses, ServerCallContext context)
    {
        try
        {
            await invoke(service.Instance, request, responses, context);
        }
        finally
        {
            await activator.ReleaseAsync(service);
        }
    }

    private async Task ReleasedAsync<TRequest, TResponse>(
        GrpcActivatorHandle<TService> service, DuplexInvoker<TService, TRequest, TResponse> invoke, IAsyncStreamReader<TRequest> requests, IServerStreamWriter<TResponse> responses, ServerCallContext context)
    {
        try
        {
            await invoke(service.Instance, requests, responses, context);
        }
        finally
        {
            await activator.ReleaseAsync(service);
        }
    }
}

internal sealed class UnaryHandler<TRequest, TResponse>(
    CallSettings settings, ILogger logger, Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> invoke)
    : CallHandler(settings, logger, method)
    where TRequest : class
    where TResponse : class
{
    private readonly Func<DeserializationContext, TRequest> _deserializer = Utf8Rules.Enforce(method.RequestMarshaller.ContextualDeserializer);
    private readonly Action<TResponse, SerializationContext> _serializer = method.ResponseMarshaller.ContextualSerializer;

    protected override async Task RunAsync(ServerCall call)
    {
        AllowLongMessage(call.Http);
        var request = await MessageReader.ReadSingleAsync(call, _deserializer);
        var response = await invoke(request, call);
        call.EndWith(response, _serializer);
    }
}

internal sealed class ClientStreamingHandler<TRequest, TResponse>(
    CallSettings settings, ILogger logger, Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse> invoke)
    : CallHandler(settings, logger, method)
    where TRequest : class
    where TResponse : class
{
    private readonly Func<DeserializationContext, TRequest> _deserializer = Utf8Rules.Enforce(method.RequestMarshaller.ContextualDeserializer);
    private readonly Action<TResponse, SerializationContext> _serializer = method.ResponseMarshaller.ContextualSerializer;

    protected override ServerCall CreateCall(HttpContext http) => new StreamCall<TRequest, TResponse>(http, this, _deserializer, _serializer);

    protected override async Task RunAsync(ServerCall call)
    {
        AllowLastingRequest(call.Http);
        var response = await invoke((StreamCall<TRequest, TResponse>)call, call);
        call.EndWith(response, _serializer);
    }
}

internal sealed class ServerStreamingHandler<TRequest, TResponse>(
    CallSettings settings, ILogger logger, Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse> invoke)
    : CallHandler(settings, logger, method)
    where TRequest : class
    where TResponse : class
{
    private readonly Func<DeserializationContext, TRequest> _deserializer = Utf8Rules.Enforce(method.RequestMarshaller.ContextualDeserializer);
    private readonly Action<TResponse, SerializationContext> _serializer = method.ResponseMarshaller.ContextualSerializer;

    protected override ServerCall CreateCall(HttpContext http) => new StreamCall<TRequest, TResponse>(http, this, _deserializer, _serializer);

    protected override async Task RunAsync(ServerCall call)
    {
        AllowLongMessage(call.Http);
        var request = await MessageReader.ReadSingleAsync(call, _deserializer);
        await invoke(request, (StreamCall<TRequest, TResponse>)call, call);
        call.End();
    }
}

internal sealed class DuplexHandler<TRequest, TResponse>(
    CallSettings settings, ILogger logger, Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse> invoke)
    : CallHandler(settings, logger, method)
    where TRequest : class
    where TResponse : class
{
    private readonly Func<DeserializationContext, TRequest> _deserializer = Utf8Rules.Enforce(method.RequestMarshaller.ContextualDeserializer);
    private readonly Action<TResponse, SerializationContext> _serializer = method.ResponseMarshaller.ContextualSerializer;

    protected override ServerCall CreateCall(HttpContext http) => new StreamCall<TRequest, TResponse>(http, this, _deserializer, _serializer);

    protected override async Task RunAsync(ServerCall call)
    {
        AllowLastingRequest(call.Http);
        var streams = (StreamCall<TRequest, TResponse>)call;
        await invoke(streams, streams, call);
        call.End();
    }
}
