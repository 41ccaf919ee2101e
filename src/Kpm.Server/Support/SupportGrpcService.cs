using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>The table of contents of the slice: one line per rpc.</summary>
internal sealed class SupportGrpcService(
    FindAccount findAccount,
    ProposeTwoStepReset proposeTwoStepReset,
    ApproveTwoStepReset approveTwoStepReset,
    ProposeRegionChange proposeRegionChange,
    ApproveRegionChange approveRegionChange,
    UndoRegionChange undoRegionChange,
    SuspendAccount suspendAccount,
    ListAuditLog listAuditLog,
    ListSupportCases listSupportCases) : SupportService.SupportServiceBase
{
    public override Task<FindAccountResponse> FindAccount(FindAccountRequest request, ServerCallContext context) => findAccount.HandleAsync(request, context);

    public override Task<ProposeTwoStepResetResponse> ProposeTwoStepReset(ProposeTwoStepResetRequest request, ServerCallContext context) => proposeTwoStepReset.HandleAsync(request, context);

    public override Task<ApproveTwoStepResetResponse> ApproveTwoStepReset(ApproveTwoStepResetRequest request, ServerCallContext context) => approveTwoStepReset.HandleAsync(request, context);

    public override Task<ProposeRegionChangeResponse> ProposeRegionChange(ProposeRegionChangeRequest request, ServerCallContext context) => proposeRegionChange.HandleAsync(request, context);

    public override Task<ApproveRegionChangeResponse> ApproveRegionChange(ApproveRegionChangeRequest request, ServerCallContext context) => approveRegionChange.HandleAsync(request, context);

    public override Task<UndoRegionChangeResponse> UndoRegionChange(UndoRegionChangeRequest request, ServerCallContext context) => undoRegionChange.HandleAsync(request, context);

    public override Task<SuspendAccountResponse> SuspendAccount(SuspendAccountRequest request, ServerCallContext context) => suspendAccount.HandleAsync(request, context);

    public override Task<ListAuditLogResponse> ListAuditLog(ListAuditLogRequest request, ServerCallContext context) => listAuditLog.HandleAsync(request, context);

    public override Task<ListSupportCasesResponse> ListSupportCases(ListSupportCasesRequest request, ServerCallContext context) => listSupportCases.HandleAsync(request, context);
}
