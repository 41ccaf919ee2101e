using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults.Streams;
using Kpm.V1;

namespace Kpm.Simulation.Server;

/// <summary>The response of a stream with a planted bug in what is written.</summary>
internal sealed class BuggyWriter(IServerStreamWriter<SyncResponse> inner, StreamContext context, Caller caller, PlantedBug bug) : IServerStreamWriter<SyncResponse>
{
    public WriteOptions? WriteOptions
    {
        get => inner.WriteOptions;
        set => inner.WriteOptions = value;
    }

    public static IServerStreamWriter<SyncResponse> Around(IServerStreamWriter<SyncResponse> inner, StreamContext context, Caller caller, PlantedBug bug) =>
        bug is PlantedBug.BookmarkNamesHead or PlantedBug.ChangeLost ? new BuggyWriter(inner, context, caller, bug) : inner;

    public Task WriteAsync(SyncResponse message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(SyncResponse message, CancellationToken cancellationToken)
    {
        if (bug == PlantedBug.BookmarkNamesHead && message.MessageCase is SyncResponse.MessageOneofCase.CaughtUp)
        {
            message.CaughtUp.Seq = context.Store.State(caller.AccountId).HeadSeq;
        }
        else if (bug == PlantedBug.ChangeLost && message.Changes?.Entries is { Count: > 2 } entries)
        {
            message = new SyncResponse(message);
            message.Changes.Entries.RemoveAt(entries.Count - 1);
            message.Changes.LastSeq = message.Changes.Entries[^1].Seq;
        }

        return inner.WriteAsync(message, cancellationToken);
    }
}
