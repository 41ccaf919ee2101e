using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>Accounts by address or id. Looking is an event of the account, so that its owner can see who looked.</summary>
internal sealed class FindAccount(ISupportStore store, SecurityFeed feed, TimeProvider time, Limits limits)
{
    public async Task<FindAccountResponse> HandleAsync(FindAccountRequest request, ServerCallContext context)
    {
        var byAddress = request.ByCase == FindAccountRequest.ByOneofCase.Email;
        var found = await store.FindAsync(
            byAddress ? null : Guid.ParseExact(request.AccountId, "D"),
            byAddress ? EmailAddress.Parse(request.Email).Key : null,
            limits.SupportPendingAccounts,
            SupportNotes.Viewed(context.Operator()),
            time.Now(),
            context.CancellationToken);
        var response = new FindAccountResponse();
        foreach (var seen in found)
        {
            feed.Appended(seen.Account.AccountId);
            response.Accounts.Add(seen.ToContract(byAddress));
        }

        return response;
    }
}
