using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults.Streams;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>The stream of a device: writes, results and remote changes.</summary>
internal sealed class Sync(StreamContext streams)
{
    /// <summary>What a device's proof for this call is made for.</summary>
    public const string Method = "/kpm.v1.VaultService/Sync";

    public async Task HandleAsync(IAsyncStreamReader<SyncRequest> requests, IServerStreamWriter<SyncResponse> responses, ServerCallContext context)
    {
        var caller = context.Caller();
        var hello = await ReadHelloAsync(requests, context.CancellationToken);
        if (hello is null)
        {
            return;
        }

        if (!hello.Versions.Contains(SyncStream.ProtocolVersion))
        {
            throw Errors.Of(ErrorReason.UpgradeRequired);
        }

        StreamOpening.CheckPosition(hello.Generation, hello.Cursor, hello.ChainHash, "hello.");
        streams.Proofs.Verify(Method, caller.AccessTokenHash, hello.Proof, caller.DeviceId, caller.SigningKey);
        using var stream = new SyncStream(streams, caller, responses, context);
        await stream.RunAsync(requests, hello, context.CancellationToken);
    }

    /// <summary>The first message; null when the client left without one.</summary>
    private async Task<Hello?> ReadHelloAsync(IAsyncStreamReader<SyncRequest> requests, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(streams.Limits.HelloTimeout, streams.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            if (!await requests.MoveNext(either.Token))
            {
                return null;
            }
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Errors.Of(ErrorReason.StreamStalled);
        }

        return requests.Current.MessageCase == SyncRequest.MessageOneofCase.Hello
            ? requests.Current.Hello
            : throw Errors.Of(ErrorReason.ProtocolViolation);
    }
}
