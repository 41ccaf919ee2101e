using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>First of two operators: two-step verification is to be reset.</summary>
internal sealed class ProposeTwoStepReset(CaseProposals proposals)
{
    public async Task<ProposeTwoStepResetResponse> HandleAsync(ProposeTwoStepResetRequest request, ServerCallContext context) =>
        ProposeTwoStepResetResponse.Parser.ParseFrom(await proposals.ProposeAsync(
            new Proposal(SupportCaseKind.TwoStepReset, request.AccountId, request.Reason, request.RequestId),
            request,
            c => new ProposeTwoStepResetResponse { Case = c },
            () => Errors.Of(ErrorReason.FactorNotSetUp),
            context));
}
