using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>The open cases of all accounts, oldest first; the page token is the place of the last one shown.</summary>
internal sealed class ListSupportCases(ISupportStore store, PageTokens pages, TimeProvider time, Limits limits)
{
    public async Task<ListSupportCasesResponse> HandleAsync(ListSupportCasesRequest request, ServerCallContext context)
    {
        // The list is everybody's; the token is its operator's.
        var owner = context.Operator().OperatorId;
        var size = request.PageSize > 0 ? request.PageSize : limits.SupportPageSize;
        var rows = await store.ListOpenAsync(Position(pages.Read(request.PageToken, context.Method, owner)), size + 1, time.Now(), context.CancellationToken);
        var response = new ListSupportCasesResponse();
        response.Cases.Add(rows.Take(size).Select(r => r.ToContract()));
        if (rows.Count > size)
        {
            var last = rows[size - 1];
            response.NextPageToken = pages.Write([.. BitConverter.GetBytes(last.ProposedAt.ToUnixTimeMilliseconds()), .. last.CaseId.ToBytes()], context.Method, owner);
        }

        return response;
    }

    private static CasePosition? Position(byte[]? position) => position is null ? null : new CasePosition(
        DateTimeOffset.FromUnixTimeMilliseconds(BitConverter.ToInt64(position)),
        Ids.FromBytes(position.AsSpan(8)));
}
