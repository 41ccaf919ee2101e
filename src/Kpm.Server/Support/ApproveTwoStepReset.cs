using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>Second of two operators: the reset takes effect after a time in which the owner can cancel it.</summary>
internal sealed class ApproveTwoStepReset(CaseApprovals approvals, Limits limits)
{
    public async Task<ApproveTwoStepResetResponse> HandleAsync(ApproveTwoStepResetRequest request, ServerCallContext context) => new()
    {
        Case = await approvals.ApproveAsync(request.CaseId, SupportCaseKind.TwoStepReset, limits.TwoStepResetDelay, limits.TwoStepResetDelay, context),
    };
}
