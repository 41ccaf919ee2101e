using System.Buffers.Binary;
using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>The account's security events with the hashes that prove them, newest first; the page token is the number of the last event shown.</summary>
internal sealed class ListAuditLog(IAccountStore accounts, ISecurityEventStore events, PageTokens pages, Limits limits)
{
    public async Task<ListAuditLogResponse> HandleAsync(ListAuditLogRequest request, ServerCallContext context)
    {
        var accountId = Guid.ParseExact(request.AccountId, "D");
        var size = request.PageSize > 0 ? request.PageSize : limits.SupportPageSize;
        var before = pages.Read(request.PageToken, context.Method, accountId) is { } position ? BinaryPrimitives.ReadUInt64BigEndian(position) : long.MaxValue;
        if (await accounts.FindAsync(accountId, context.CancellationToken) is null)
        {
            throw Errors.Of(ErrorReason.NotFound);
        }

        var found = await events.BeforeAsync(accountId, before, size + 1, context.CancellationToken);
        var response = new ListAuditLogResponse();
        response.Events.Add(found.Take(size));
        if (found.Count > size)
        {
            var next = new byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64BigEndian(next, found[size - 1].Seq);
            response.NextPageToken = pages.Write(next, context.Method, accountId);
        }

        return response;
    }
}
