using System.Buffers.Binary;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>Deleted items that can still be brought back, newest first. The page token is the last tombstone's place in the log.</summary>
internal sealed class ListTrash(IRevisionStore store, PageTokens pages, Limits limits)
{
    public Task<ListTrashResponse> HandleAsync(ListTrashRequest request, ServerCallContext context)
    {
        var accountId = context.Caller().AccountId;
        var size = request.PageSize > 0 ? request.PageSize : limits.TrashPageSize;
        var below = pages.Read(request.PageToken, context.Method, accountId) is { } position ? BinaryPrimitives.ReadUInt64BigEndian(position) : long.MaxValue;
        var found = store.Trash(accountId, below, size + 1);
        var response = new ListTrashResponse();
        response.Items.AddRange(found.Take(size).Where(r => r.RestorableRev > 0).Select(ToMessage));
        if (found.Count > size)
        {
            var next = new byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64BigEndian(next, found[size - 1].Seq);
            response.NextPageToken = pages.Write(next, context.Method, accountId);
        }

        return Task.FromResult(response);
    }

    private TrashedItem ToMessage(TrashedRow row) => new()
    {
        ItemId = row.ItemId.ToWire(),
        Rev = row.Rev,
        RestorableRev = row.RestorableRev,
        DeletedAt = row.DeletedAt.ToTimestamp(),
        PurgesAt = (row.DeletedAt + limits.TrashRetention).ToTimestamp(),
        Bytes = row.Bytes,
    };
}
