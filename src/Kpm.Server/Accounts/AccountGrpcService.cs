using Grpc.Core;
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
    UnlinkIdentity unlinkIdentity) : AccountService.AccountServiceBase
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
}
