using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>The table of contents of the slice: one line per rpc.</summary>
internal sealed class VerificationGrpcService(NewSecurityCheck newSecurityCheck, ActivateAccount activateAccount, DiscardPendingAccount discardPendingAccount, ResendActivation resendActivation)
    : VerificationService.VerificationServiceBase
{
    public override Task<NewSecurityCheckResponse> NewSecurityCheck(NewSecurityCheckRequest request, ServerCallContext context) => newSecurityCheck.HandleAsync(request, context);

    public override Task<ActivateAccountResponse> ActivateAccount(ActivateAccountRequest request, ServerCallContext context) => activateAccount.HandleAsync(request, context);

    public override Task<DiscardPendingAccountResponse> DiscardPendingAccount(DiscardPendingAccountRequest request, ServerCallContext context) => discardPendingAccount.HandleAsync(request, context);

    public override Task<ResendActivationResponse> ResendActivation(ResendActivationRequest request, ServerCallContext context) => resendActivation.HandleAsync(request, context);
}
