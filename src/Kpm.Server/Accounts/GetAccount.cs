using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Verification;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>The account of the session, and where its activation stands.</summary>
internal sealed class GetAccount(IAccountStore accounts, IActivationStore activations, ActivationMails mails)
{
    public async Task<GetAccountResponse> HandleAsync(GetAccountRequest request, ServerCallContext context)
    {
        _ = request;
        var account = await accounts.FindAsync(context.Caller().AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        var activation = account.State == AccountState.Pending ? await activations.FindAsync(account.AccountId, context.CancellationToken) : null;
        return new GetAccountResponse
        {
            Account = account.ToContract(),
            Activation = activation is null ? null : new Activation
            {
                ExpiresAt = Timestamp.FromDateTimeOffset(activation.ExpiresAt),
                ResendAt = Timestamp.FromDateTimeOffset(mails.AgainAt(activation)),
            },
        };
    }
}
