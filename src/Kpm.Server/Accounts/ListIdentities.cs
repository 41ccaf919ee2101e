using System.Buffers.Binary;
using Grpc.Core;
using Kpm.Server.Federation;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>The identities that open the account, oldest first; the page token is the place of the last one shown.</summary>
internal sealed class ListIdentities(IIdentityStore identities, IdentityProviders providers, PageTokens pages, Limits limits)
{
    public async Task<ListIdentitiesResponse> HandleAsync(ListIdentitiesRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var size = request.PageSize > 0 ? request.PageSize : limits.IdentitiesPageSize;
        var rows = await identities.ListAsync(caller.AccountId, Position(pages.Read(request.PageToken, context.Method, caller.AccountId)), size + 1, context.CancellationToken);
        var response = new ListIdentitiesResponse();
        response.Identities.Add(rows.Take(size).Select(providers.ToContract));
        if (rows.Count > size)
        {
            var last = rows[size - 1];
            response.NextPageToken = pages.Write(Bytes(last), context.Method, caller.AccountId);
        }

        return response;
    }

    private static byte[] Bytes(IdentityRow row)
    {
        var bytes = new byte[8 + 16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, row.LinkedAt.ToUnixTimeMilliseconds());
        row.IdentityId.ToBytes().CopyTo(bytes, 8);
        return bytes;
    }

    private static IdentityPosition? Position(byte[]? position) => position is null ? null : new IdentityPosition(
        DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(position)),
        Ids.FromBytes(position.AsSpan(8)));
}
