using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>The table of contents of the slice: one line per rpc.</summary>
internal sealed class AccountGrpcService(
    GetSignInOptions getSignInOptions,
    CreateAccount createAccount,
    SignIn signIn,
    RefreshSession refreshSession,
    SignOut signOut,
    GetAccount getAccount,
    ListDevices listDevices,
    RevokeDevice revokeDevice) : AccountService.AccountServiceBase
{
    public override Task<GetSignInOptionsResponse> GetSignInOptions(GetSignInOptionsRequest request, ServerCallContext context) => getSignInOptions.HandleAsync(request, context);

    public override Task<CreateAccountResponse> CreateAccount(CreateAccountRequest request, ServerCallContext context) => createAccount.HandleAsync(request, context);

    public override Task<SignInResponse> SignIn(SignInRequest request, ServerCallContext context) => signIn.HandleAsync(request, context);

    public override Task<RefreshSessionResponse> RefreshSession(RefreshSessionRequest request, ServerCallContext context) => refreshSession.HandleAsync(request, context);

    public override Task<SignOutResponse> SignOut(SignOutRequest request, ServerCallContext context) => signOut.HandleAsync(request, context);

    public override Task<GetAccountResponse> GetAccount(GetAccountRequest request, ServerCallContext context) => getAccount.HandleAsync(request, context);

    public override Task<ListDevicesResponse> ListDevices(ListDevicesRequest request, ServerCallContext context) => listDevices.HandleAsync(request, context);

    public override Task<RevokeDeviceResponse> RevokeDevice(RevokeDeviceRequest request, ServerCallContext context) => revokeDevice.HandleAsync(request, context);
}
