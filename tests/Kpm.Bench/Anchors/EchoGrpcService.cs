using Google.Protobuf;
using Grpc.Core;
using Kpm.Bench.V1;

namespace Kpm.Bench.Anchors;

/// <summary>The echo service as anybody would write it on the gRPC runtime.</summary>
internal sealed class EchoGrpcService : EchoService.EchoServiceBase
{
    public const string Path = "/kpm.bench.v1.EchoService/";

    public static readonly Payload StreamedMessage = new() { Data = ByteString.CopyFrom(new byte[1024]) };

    public override Task<Payload> Echo(Payload request, ServerCallContext context) => Task.FromResult(request);

    public override async Task PingPong(IAsyncStreamReader<Payload> requestStream, IServerStreamWriter<Payload> responseStream, ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            await responseStream.WriteAsync(requestStream.Current);
        }
    }

    public override async Task ServerStream(Payload request, IServerStreamWriter<Payload> responseStream, ServerCallContext context)
    {
        for (var i = 0; i < HandFramedService.StreamedMessages; i++)
        {
            await responseStream.WriteAsync(StreamedMessage);
        }
    }

    public override async Task SizedStream(Sizes request, IServerStreamWriter<Payload> responseStream, ServerCallContext context)
    {
        foreach (var bytes in request.Bytes)
        {
            await responseStream.WriteAsync(new Payload { Data = UnsafeByteOperations.UnsafeWrap(new byte[bytes]) });
        }
    }
}
