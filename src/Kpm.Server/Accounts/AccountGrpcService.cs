using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Lifecycle;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>The table of contents of the slice: one line per rpc.</summary>
internal sealed class AccountGrpcService(
    GetSignInOptions getSignInOptions,
    CreateAccount createAccount,
    SignIn signIn,
    StartFederatedSignIn startFederatedSignIn,
    CompleteFederatedSignIn completeFederatedSignIn,
    GetSignInHints getSignInHints,
    RefreshSession refreshSession,
    SignOut signOut,
    GetAccount getAccount,
    ListDevices listDevices,
    RevokeDevice revokeDevice,
    ListIdentities listIdentities,
    LinkIdentity linkIdentity,
    UnlinkIdentity unlinkIdentity,
    RenameDevice renameDevice,
    UpdateAccount updateAccount,
    ApproveSession approveSession,
    ChangePassword changePassword,
    StartPasswordReset startPasswordReset,
    CompletePasswordReset completePasswordReset,
    StartEmailChange startEmailChange,
    CompleteEmailChange completeEmailChange,
    DeleteAccount deleteAccount,
    CancelDeletion cancelDeletion,
    ListApplications listApplications,
    ListSecurityEvents listSecurityEvents,
    ExportAccountData exportAccountData) : AccountService.AccountServiceBase
{
    public override Task<GetSignInOptionsResponse> GetSignInOptions(GetSignInOptionsRequest request, ServerCallContext context) => getSignInOptions.HandleAsync(request, context);

    public override Task<CreateAccountResponse> CreateAccount(CreateAccountRequest request, ServerCallContext context) => createAccount.HandleAsync(request, context);

    public override Task<SignInResponse> SignIn(SignInRequest request, ServerCallContext context) => signIn.HandleAsync(request, context);

    public override Task<StartFederatedSignInResponse> StartFederatedSignIn(StartFederatedSignInRequest request, ServerCallContext context) => startFederatedSignIn.HandleAsync(request, context);

    public override Task<CompleteFederatedSignInResponse> CompleteFederatedSignIn(CompleteFederatedSignInRequest request, ServerCallContext context) => completeFederatedSignIn.HandleAsync(request, context);

    public override Task<GetSignInHintsResponse> GetSignInHints(GetSignInHintsRequest request, ServerCallContext context) => getSignInHints.HandleAsync(request, context);

    public override Task<RefreshSessionResponse> RefreshSession(RefreshSessionRequest request, ServerCallContext context) => refreshSession.HandleAsync(request, context);

    public override Task<SignOutResponse> SignOut(SignOutRequest request, ServerCallContext context) => signOut.HandleAsync(request, context);

    public override Task<GetAccountResponse> GetAccount(GetAccountRequest request, ServerCallContext context) => getAccount.HandleAsync(request, context);

    public override Task<ListDevicesResponse> ListDevices(ListDevicesRequest request, ServerCallContext context) => listDevices.HandleAsync(request, context);

    public override Task<RevokeDeviceResponse> RevokeDevice(RevokeDeviceRequest request, ServerCallContext context) => revokeDevice.HandleAsync(request, context);

    public override Task<ListIdentitiesResponse> ListIdentities(ListIdentitiesRequest request, ServerCallContext context) => listIdentities.HandleAsync(request, context);

    public override Task<LinkIdentityResponse> LinkIdentity(LinkIdentityRequest request, ServerCallContext context) => linkIdentity.HandleAsync(request, context);

    public override Task<UnlinkIdentityResponse> UnlinkIdentity(UnlinkIdentityRequest request, ServerCallContext context) => unlinkIdentity.HandleAsync(request, context);

    public override Task<RenameDeviceResponse> RenameDevice(RenameDeviceRequest request, ServerCallContext context) => renameDevice.HandleAsync(request, context);

    public override Task<UpdateAccountResponse> UpdateAccount(UpdateAccountRequest request, ServerCallContext context) => updateAccount.HandleAsync(request, context);

    public override Task<ApproveSessionResponse> ApproveSession(ApproveSessionRequest request, ServerCallContext context) => approveSession.HandleAsync(request, context);

    public override Task<ChangePasswordResponse> ChangePassword(ChangePasswordRequest request, ServerCallContext context) => changePassword.HandleAsync(request, context);

    public override Task<StartPasswordResetResponse> StartPasswordReset(StartPasswordResetRequest request, ServerCallContext context) => startPasswordReset.HandleAsync(request, context);

    public override Task<CompletePasswordResetResponse> CompletePasswordReset(CompletePasswordResetRequest request, ServerCallContext context) => completePasswordReset.HandleAsync(request, context);

    public override Task<StartEmailChangeResponse> StartEmailChange(StartEmailChangeRequest request, ServerCallContext context) => startEmailChange.HandleAsync(request, context);

    public override Task<CompleteEmailChangeResponse> CompleteEmailChange(CompleteEmailChangeRequest request, ServerCallContext context) => completeEmailChange.HandleAsync(request, context);

    public override Task<DeleteAccountResponse> DeleteAccount(DeleteAccountRequest request, ServerCallContext context) => deleteAccount.HandleAsync(request, context);

    public override Task<CancelDeletionResponse> CancelDeletion(CancelDeletionRequest request, ServerCallContext context) => cancelDeletion.HandleAsync(request, context);

    public override Task<ListApplicationsResponse> ListApplications(ListApplicationsRequest request, ServerCallContext context) => listApplications.HandleAsync(request, context);

    public override Task<ListSecurityEventsResponse> ListSecurityEvents(ListSecurityEventsRequest request, ServerCallContext context) => listSecurityEvents.HandleAsync(request, context);

    public override Task ExportAccountData(ExportAccountDataRequest request, IServerStreamWriter<ExportAccountDataResponse> responseStream, ServerCallContext context) =>
        exportAccountData.HandleAsync(request, responseStream, context);
}
