using Grpc.Core;
using Kpm.Server.Catalogue;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>First of two operators: the account is to move to another region.</summary>
internal sealed class ProposeRegionChange(CaseProposals proposals, RegionCatalogue catalogue)
{
    public async Task<ProposeRegionChangeResponse> HandleAsync(ProposeRegionChangeRequest request, ServerCallContext context)
    {
        if (catalogue.Find(request.Region) is null)
        {
            throw Errors.Field("region", "NOT_IN_CATALOGUE", "must be a region of the catalogue");
        }

        return ProposeRegionChangeResponse.Parser.ParseFrom(await proposals.ProposeAsync(
            new Proposal(SupportCaseKind.RegionChange, request.AccountId, request.Reason, request.RequestId, request.Region),
            request,
            c => new ProposeRegionChangeResponse { Case = c },
            () => Errors.Field("region", "UNCHANGED", "must be another region than the account's"),
            context));
    }
}
