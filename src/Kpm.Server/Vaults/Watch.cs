using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults.Streams;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>Remote changes for clients without client streaming. The client's window is the back-pressure.</summary>
internal sealed class Watch(StreamContext streams)
{
    public async Task HandleAsync(WatchRequest request, IServerStreamWriter<WatchResponse> responses, ServerCallContext context)
    {
        StreamOpening.CheckPosition(request.Generation, request.Cursor, request.ChainHash, "");
        using var stream = new WatchStream(streams, context.Caller(), responses, context);
        await stream.RunAsync(request);
    }
}
