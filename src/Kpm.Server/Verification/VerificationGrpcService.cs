using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>The table of contents of the slice: one line per rpc.</summary>
internal sealed class VerificationGrpcService(
    NewSecurityCheck newSecurityCheck,
    ActivateAccount activateAccount,
    DiscardPendingAccount discardPendingAccount,
    ResendActivation resendActivation,
    SendSignInCode sendSignInCode,
    CompleteTwoStep completeTwoStep,
    GetTwoStepSettings getTwoStepSettings,
    StartAuthenticator startAuthenticator,
    ConfirmAuthenticator confirmAuthenticator,
    StartPhone startPhone,
    ConfirmPhone confirmPhone,
    RemoveFactor removeFactor,
    GenerateRecoveryCodes generateRecoveryCodes,
    ListTrustedDevices listTrustedDevices,
    ForgetTrustedDevice forgetTrustedDevice,
    CancelSupportCase cancelSupportCase) : VerificationService.VerificationServiceBase
{
    public override Task<NewSecurityCheckResponse> NewSecurityCheck(NewSecurityCheckRequest request, ServerCallContext context) => newSecurityCheck.HandleAsync(request, context);

    public override Task<ActivateAccountResponse> ActivateAccount(ActivateAccountRequest request, ServerCallContext context) => activateAccount.HandleAsync(request, context);

    public override Task<DiscardPendingAccountResponse> DiscardPendingAccount(DiscardPendingAccountRequest request, ServerCallContext context) => discardPendingAccount.HandleAsync(request, context);

    public override Task<ResendActivationResponse> ResendActivation(ResendActivationRequest request, ServerCallContext context) => resendActivation.HandleAsync(request, context);

    public override Task<SendSignInCodeResponse> SendSignInCode(SendSignInCodeRequest request, ServerCallContext context) => sendSignInCode.HandleAsync(request, context);

    public override Task<CompleteTwoStepResponse> CompleteTwoStep(CompleteTwoStepRequest request, ServerCallContext context) => completeTwoStep.HandleAsync(request, context);

    public override Task<GetTwoStepSettingsResponse> GetTwoStepSettings(GetTwoStepSettingsRequest request, ServerCallContext context) => getTwoStepSettings.HandleAsync(request, context);

    public override Task<StartAuthenticatorResponse> StartAuthenticator(StartAuthenticatorRequest request, ServerCallContext context) => startAuthenticator.HandleAsync(request, context);

    public override Task<ConfirmAuthenticatorResponse> ConfirmAuthenticator(ConfirmAuthenticatorRequest request, ServerCallContext context) => confirmAuthenticator.HandleAsync(request, context);

    public override Task<StartPhoneResponse> StartPhone(StartPhoneRequest request, ServerCallContext context) => startPhone.HandleAsync(request, context);

    public override Task<ConfirmPhoneResponse> ConfirmPhone(ConfirmPhoneRequest request, ServerCallContext context) => confirmPhone.HandleAsync(request, context);

    public override Task<RemoveFactorResponse> RemoveFactor(RemoveFactorRequest request, ServerCallContext context) => removeFactor.HandleAsync(request, context);

    public override Task<GenerateRecoveryCodesResponse> GenerateRecoveryCodes(GenerateRecoveryCodesRequest request, ServerCallContext context) => generateRecoveryCodes.HandleAsync(request, context);

    public override Task<ListTrustedDevicesResponse> ListTrustedDevices(ListTrustedDevicesRequest request, ServerCallContext context) => listTrustedDevices.HandleAsync(request, context);

    public override Task<ForgetTrustedDeviceResponse> ForgetTrustedDevice(ForgetTrustedDeviceRequest request, ServerCallContext context) => forgetTrustedDevice.HandleAsync(request, context);
    public override Task<CancelSupportCaseResponse> CancelSupportCase(CancelSupportCaseRequest request, ServerCallContext context) => cancelSupportCase.HandleAsync(request, context);
}
