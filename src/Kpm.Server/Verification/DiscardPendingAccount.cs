using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>"This was not me": removes the pending account that the mailed token names. The token works for as long as the account is pending.</summary>
internal sealed class DiscardPendingAccount(IActivationStore activations, AccountEndings endings, TimeProvider time, ILogger<DiscardPendingAccount> logger)
{
    public async Task<DiscardPendingAccountResponse> HandleAsync(DiscardPendingAccountRequest request, ServerCallContext context)
    {
        var removed = await activations.DiscardAsync(SecretToken.Hash(request.Token), time.Now(), context.CancellationToken)
            ?? throw Errors.Of(ErrorReason.ActivationInvalid);
        endings.Removed([removed]);
        Log.PendingAccountDiscarded(logger, removed.AccountId);
        return new DiscardPendingAccountResponse();
    }
}
