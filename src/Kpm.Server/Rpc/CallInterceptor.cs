using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>
/// What stands around every rpc, in this order: authentication, the contract's constraints, the handler;
/// and whatever is thrown leaves as the one kind of error that the contract knows. One interceptor and not
/// three, since each costs every call a state machine.
/// </summary>
internal sealed class CallInterceptor(Authenticator authenticator, RepeatedCalls repeated, ErrorMapper errors, IRefusalObserver refusals) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await AdmitAsync(request, context);
            return await continuation(request, context);
        }
        catch (KpmException e) when (e.Reason == ErrorReason.SessionInvalid && RepeatedCalls.MayRepeat<TRequest>())
        {
            return await RepeatAsync<TRequest, TResponse>(request, context, e);
        }
        catch (KpmException e) when (e.Reason == ErrorReason.InvalidRequest)
        {
            await ObserveAsync(request, e, context);
            throw errors.Map(e, context);
        }
        catch (Exception e)
        {
            throw errors.Map(e, context);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await AdmitAsync(request, context);
            await continuation(request, responseStream, context);
        }
        catch (Exception e)
        {
            throw errors.Map(e, context);
        }
    }

    public override async Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await authenticator.AuthenticateAsync(context);
            return await continuation(new CheckedStreamReader<TRequest>(requestStream), context);
        }
        catch (Exception e)
        {
            throw errors.Map(e, context);
        }
    }

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await authenticator.AuthenticateAsync(context);
            await continuation(new CheckedStreamReader<TRequest>(requestStream), responseStream, context);
        }
        catch (Exception e)
        {
            throw errors.Map(e, context);
        }
    }

    private async ValueTask ObserveAsync<TRequest>(TRequest request, KpmException refusal, ServerCallContext context)
    {
        try
        {
            await refusals.ObserveAsync((IMessage)request!, refusal, context);
        }
        catch (Exception e)
        {
            throw errors.Map(e, context);
        }
    }

    private ValueTask AdmitAsync<TRequest>(TRequest request, ServerCallContext context)
        where TRequest : class
    {
        var authentication = authenticator.AuthenticateAsync(context);
        if (authentication.IsCompletedSuccessfully)
        {
            Constraints.Check(request);
            return ValueTask.CompletedTask;
        }

        return CheckAfterAsync(authentication, request);
    }

    private static async ValueTask CheckAfterAsync<TRequest>(ValueTask authentication, TRequest request)
        where TRequest : class
    {
        await authentication;
        Constraints.Check(request);
    }

    private async Task<TResponse> RepeatAsync<TRequest, TResponse>(TRequest request, ServerCallContext context, KpmException refusal)
        where TRequest : class
        where TResponse : class
    {
        try
        {
            return await repeated.FindAsync<TRequest, TResponse>(request, context) ?? throw refusal;
        }
        catch (Exception e)
        {
            throw errors.Map(e, context);
        }
    }

    /// <summary>Holds each message of a request stream against its constraints before the handler sees it.</summary>
    private sealed class CheckedStreamReader<TRequest>(IAsyncStreamReader<TRequest> inner) : IAsyncStreamReader<TRequest>
        where TRequest : class
    {
        public TRequest Current => inner.Current;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            // Task<bool> is cached by the runtime, so a message that is there already costs no allocation here.
            if (!await inner.MoveNext(cancellationToken))
            {
                return false;
            }

            Constraints.Check(inner.Current);
            return true;
        }
    }
}
