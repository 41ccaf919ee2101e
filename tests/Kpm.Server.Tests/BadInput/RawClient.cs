using Google.Protobuf.Reflection;
using Grpc.Core;
using Kpm.Server.Tests.Faults;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Calls any rpc with bytes as they are, valid or not.</summary>
internal sealed class RawClient(CallInvoker invoker)
{
    /// <summary>For an answer that should come at once; longer than any wait of the server for a min_seq.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly Marshaller<byte[]> AsIs = Marshallers.Create(bytes => bytes, bytes => bytes);

    public Task<Outcome> CallAsync(MethodDescriptor method, byte[] request, string? token, CancellationToken cancellationToken) =>
        CallAsync(method, [request], token is null ? [] : TestDevice.Bearer(token), cancellationToken);

    public Task<Outcome> CallAsync(MethodDescriptor method, byte[] request, Metadata headers, CancellationToken cancellationToken) =>
        CallAsync(method, [request], headers, cancellationToken);

    /// <summary>
    /// The outcome of a unary call; of a server stream up to its first message; of a bidirectional stream that is
    /// sent one message after the other, each but the last once the one before was answered.
    /// </summary>
    public async Task<Outcome> CallAsync(MethodDescriptor method, IReadOnlyList<byte[]> requests, Metadata headers, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Patience);
        var options = new CallOptions(headers, cancellationToken: timeout.Token);
        var seen = new List<byte[]>();
        try
        {
            switch (MethodTypeOf(method))
            {
                case MethodType.Unary:
                    using (var call = invoker.AsyncUnaryCall(Describe(method), null, options, Assert.Single(requests)))
                    {
                        return Outcome.Ok(await call);
                    }

                case MethodType.ServerStreaming:
                    using (var call = invoker.AsyncServerStreamingCall(Describe(method), null, options, Assert.Single(requests)))
                    {
                        return await call.ResponseStream.MoveNext(timeout.Token) ? Outcome.Ok(call.ResponseStream.Current) : Outcome.Ok();
                    }

                case MethodType.ClientStreaming:
                    return await SendAllAsync(method, requests, options);

                default:
                    using (var call = invoker.AsyncDuplexStreamingCall(Describe(method), null, options))
                    {
                        foreach (var request in requests)
                        {
                            await call.RequestStream.WriteAsync(request, timeout.Token);
                            if (!await call.ResponseStream.MoveNext(timeout.Token))
                            {
                                break;
                            }

                            seen.Add(call.ResponseStream.Current);
                        }

                        return Outcome.Ok(seen);
                    }
            }
        }
        catch (RpcException e)
        {
            return Outcome.Of(e, seen);
        }
    }

    /// <summary>Sends a message on an open stream and reads on until the stream ends.</summary>
    public async Task<Outcome> SendToStreamAsync(MethodDescriptor method, byte[] opening, IReadOnlyList<byte[]> later, string token, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Patience);
        var seen = new List<byte[]>();
        var options = new CallOptions(TestDevice.Bearer(token), cancellationToken: timeout.Token);
        try
        {
            if (!method.IsServerStreaming)
            {
                return await SendAllAsync(method, [opening, .. later], options);
            }

            using var call = invoker.AsyncDuplexStreamingCall(Describe(method), null, options);
            await call.RequestStream.WriteAsync(opening, timeout.Token);
            Assert.True(await call.ResponseStream.MoveNext(timeout.Token), "the stream ended at its opening");
            foreach (var message in later)
            {
                await call.RequestStream.WriteAsync(message, timeout.Token);
            }

            await call.RequestStream.CompleteAsync();
            while (await call.ResponseStream.MoveNext(timeout.Token))
            {
                seen.Add(call.ResponseStream.Current);
            }

            return Outcome.Ok(seen);
        }
        catch (RpcException e)
        {
            return Outcome.Of(e, seen);
        }
    }

    /// <summary>One answer to many messages; it may come before all of them were sent.</summary>
    private async Task<Outcome> SendAllAsync(MethodDescriptor method, IReadOnlyList<byte[]> requests, CallOptions options)
    {
        using var call = invoker.AsyncClientStreamingCall(Describe(method), null, options);
        try
        {
            foreach (var request in requests)
            {
                await call.RequestStream.WriteAsync(request, options.CancellationToken);
            }

            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // The call has ended; its answer says why.
        }

        return Outcome.Ok(await call);
    }

    private static Method<byte[], byte[]> Describe(MethodDescriptor method) =>
        new(MethodTypeOf(method), method.Service.FullName, method.Name, AsIs, AsIs);

    private static MethodType MethodTypeOf(MethodDescriptor method) => (method.IsClientStreaming, method.IsServerStreaming) switch
    {
        (false, false) => MethodType.Unary,
        (false, true) => MethodType.ServerStreaming,
        (true, false) => MethodType.ClientStreaming,
        (true, true) => MethodType.DuplexStreaming,
    };
}
