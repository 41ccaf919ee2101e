using System.Buffers.Binary;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts.Events;

/// <summary>What happened to the account, newest first; the page token is the number of the last event shown.</summary>
internal sealed class ListSecurityEvents(ISecurityEventStore events, PageTokens pages, Limits limits)
{
    public async Task<ListSecurityEventsResponse> HandleAsync(ListSecurityEventsRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var size = request.PageSize > 0 ? request.PageSize : limits.SecurityEventsPageSize;
        var before = pages.Read(request.PageToken, context.Method, caller.AccountId) is { } position ? BinaryPrimitives.ReadUInt64BigEndian(position) : long.MaxValue;
        var found = await events.BeforeAsync(caller.AccountId, before, size + 1, context.CancellationToken);
        var response = new ListSecurityEventsResponse();
        response.Events.Add(found.Take(size));
        if (found.Count > size)
        {
            var next = new byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64BigEndian(next, found[size - 1].Seq);
            response.NextPageToken = pages.Write(next, context.Method, caller.AccountId);
        }

        return response;
    }
}
