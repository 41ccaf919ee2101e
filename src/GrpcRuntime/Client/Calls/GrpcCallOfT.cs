using System.Runtime.CompilerServices;
using Grpc.Core;

namespace Grpc.Net.Client.Calls;

/// <summary>A call of any of the four kinds.</summary>
internal sealed class GrpcCall<TRequest, TResponse>(GrpcChannel channel, Method<TRequest, TResponse> method, string? host, CallOptions options)
    : GrpcCall(channel, method, host, options)
    where TRequest : class
    where TResponse : class
{
    private StreamingContent? _requests;

    /// <summary>Makes a unary call.</summary>
    public async Task<TResponse> UnaryAsync(TRequest request)
    {
        UnaryContent? content = null;
        try
        {
            content = new UnaryContent(Serialize(request, Options.WriteOptions));
            return await ReadSingleAsync(await SendAsync(content));
        }
        catch (Exception e)
        {
            throw Fail(e);
        }
        finally
        {
            content?.Release();
        }
    }

    public IAsyncStreamReader<TResponse> StartServerStream(TRequest request) =>
        new ResponseStream<TRequest, TResponse>(this, SendOneAsync(request));

    public (IClientStreamWriter<TRequest> Requests, Task<TResponse> Response) StartClientStream()
    {
        var content = OpenRequests();
        var response = ReadResponseAsync();
        return (new RequestStream<TRequest, TResponse>(this, content, response), response);

        async Task<TResponse> ReadResponseAsync()
        {
            try
            {
                return await ReadSingleAsync(await SendAsync(content));
            }
            catch (Exception e)
            {
                throw Fail(e);
            }
        }
    }

    public (IClientStreamWriter<TRequest> Requests, IAsyncStreamReader<TResponse> Responses) StartDuplexStream()
    {
        var content = OpenRequests();
        var reader = SendStreamAsync(content);
        return (new RequestStream<TRequest, TResponse>(this, content, reader), new ResponseStream<TRequest, TResponse>(this, reader));
    }

    /// <exception cref="RpcException">The message is too long: RESOURCE_EXHAUSTED.</exception>
    public Frame Serialize(TRequest request, WriteOptions? writeOptions)
    {
        var compression = writeOptions is { } given && given.Flags.HasFlag(WriteFlags.NoCompress) ? null : RequestCompression;
        return MessageSerializer.Serialize(request, method.RequestMarshaller.ContextualSerializer, Channel.MaxSendMessageSize, compression);
    }

    public TResponse Take(MessageReader reader) => reader.Take(method.ResponseMarshaller.ContextualDeserializer);

    protected override void OnEnded(Status status)
    {
        if (status.StatusCode == StatusCode.OK)
        {
            _requests?.Complete();
        }
        else
        {
            _requests?.Abort();
        }
    }

    private StreamingContent OpenRequests()
    {
        _requests = new StreamingContent();
        Interlocked.MemoryBarrier();
        if (IsEnded)
        {
            _requests.Abort();
        }

        return _requests;
    }

    /// <summary>Never fails: a failure ends the call, and gives null.</summary>
    private async Task<MessageReader?> SendOneAsync(TRequest request)
    {
        UnaryContent? content = null;
        try
        {
            content = new UnaryContent(Serialize(request, Options.WriteOptions));
            return await SendAsync(content);
        }
        catch (Exception e)
        {
            Fail(e);
            return null;
        }
        finally
        {
            content?.Release();
        }
    }

    /// <summary>Never fails: a failure ends the call, and gives null.</summary>
    private async Task<MessageReader?> SendStreamAsync(StreamingContent content)
    {
        try
        {
            return await SendAsync(content);
        }
        catch (Exception e)
        {
            Fail(e);
            return null;
        }
    }

    /// <summary>Reads the one response there has to be, and the end of the call after it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<TResponse> ReadSingleAsync(MessageReader reader)
    {
        try
        {
            if (!await reader.ReadAsync(Token))
            {
                throw NotOneResponse(ReadTrailers(Response.TrailingHeaders) ?? MissingStatus, "none");
            }

            var response = Take(reader);
            if (await reader.ReadAsync(Token))
            {
                throw NotOneResponse(Status.DefaultSuccess, "several");
            }

            return EndByTrailers().StatusCode == StatusCode.OK ? response : throw CreateException();
        }
        finally
        {
            reader.Release();
        }
    }

    private static RpcException NotOneResponse(Status status, string number) => status.StatusCode == StatusCode.OK
        ? ClientStatus.Violation(StatusCode.Unimplemented, $"The call has to have one response, and the server sent {number}.")
        : new RpcException(status);
}
