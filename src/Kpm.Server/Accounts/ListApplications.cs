using System.Buffers.Binary;
using Grpc.Core;
using Kpm.Server.Catalogue;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>The applications of the account's region; the page token is how many were shown.</summary>
internal sealed class ListApplications(IAccountStore accounts, RegionCatalogue catalogue, PageTokens pages, Limits limits)
{
    public async Task<ListApplicationsResponse> HandleAsync(ListApplicationsRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        var applications = catalogue.ApplicationsOf(account.Region);
        var shown = pages.Read(request.PageToken, context.Method, caller.AccountId) is { } position ? BinaryPrimitives.ReadInt32BigEndian(position) : 0;
        var size = request.PageSize > 0 ? request.PageSize : limits.ApplicationsPageSize;
        var response = new ListApplicationsResponse();
        response.Applications.Add(applications.Skip(shown).Take(size).Select(a => new Application { ApplicationId = a.Id, Name = a.Name, MinimumVersion = a.MinimumVersion }));
        if (applications.Count > shown + size)
        {
            var next = new byte[sizeof(int)];
            BinaryPrimitives.WriteInt32BigEndian(next, shown + size);
            response.NextPageToken = pages.Write(next, context.Method, caller.AccountId);
        }

        return response;
    }
}
