using System.Buffers.Binary;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>The revisions of an item, newest first, without their envelopes. The page token is the item and the last revision shown.</summary>
internal sealed class ListRevisions(IRevisionStore store, PageTokens pages, Limits limits)
{
    private const int IdLength = 16;

    public Task<ListRevisionsResponse> HandleAsync(ListRevisionsRequest request, ServerCallContext context)
    {
        var accountId = context.Caller().AccountId;
        var itemId = Guid.ParseExact(request.ItemId, "D");
        var size = request.PageSize > 0 ? request.PageSize : limits.RevisionsPageSize;
        var position = pages.Read(request.PageToken, context.Method, accountId);
        if (position is not null && !position.AsSpan(0, IdLength).SequenceEqual(itemId.ToBytes()))
        {
            throw Errors.Field("page_token", "MALFORMED", "must be a next_page_token of the same item");
        }

        // One more than asked for tells whether there is another page.
        var found = store.Revisions(accountId, itemId, position is null ? long.MaxValue : BinaryPrimitives.ReadUInt64BigEndian(position.AsSpan(IdLength)), size + 1);
        if (found.Count == 0 && position is null)
        {
            throw Errors.Of(ErrorReason.NotFound);
        }

        var response = new ListRevisionsResponse();
        response.Revisions.AddRange(found.Take(size));
        if (found.Count > size)
        {
            var next = new byte[IdLength + sizeof(ulong)];
            itemId.ToBytes().CopyTo(next, 0);
            BinaryPrimitives.WriteUInt64BigEndian(next.AsSpan(IdLength), found[size - 1].Rev);
            response.NextPageToken = pages.Write(next, context.Method, accountId);
        }

        return Task.FromResult(response);
    }
}
