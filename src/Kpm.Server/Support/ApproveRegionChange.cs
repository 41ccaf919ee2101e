using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>
/// Second of two operators: the region changes now. The account keeps its language, whatever the new region speaks, and its
/// sessions; a sign-in needs an application of the new region.
/// </summary>
internal sealed class ApproveRegionChange(CaseApprovals approvals, Limits limits)
{
    public async Task<ApproveRegionChangeResponse> HandleAsync(ApproveRegionChangeRequest request, ServerCallContext context) => new()
    {
        Case = await approvals.ApproveAsync(request.CaseId, SupportCaseKind.RegionChange, TimeSpan.Zero, limits.RegionChangeUndo, context),
    };
}
