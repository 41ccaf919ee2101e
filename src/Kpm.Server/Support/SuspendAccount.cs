using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>
/// Suspends an account: its sessions and streams end at once, and nobody signs in. Its vault is kept, and a deletion that its
/// owner had scheduled goes on. Or ends the suspension.
/// </summary>
internal sealed class SuspendAccount(
    ISupportStore store, SupportMails mails, MailSignal mailSignal, SessionDirectory directory, SecurityFeed feed, TimeProvider time, ILogger<SuspendAccount> logger)
{
    public async Task<SuspendAccountResponse> HandleAsync(SuspendAccountRequest request, ServerCallContext context)
    {
        var caller = context.Operator();
        var accountId = Guid.ParseExact(request.AccountId, "D");
        var result = await store.SuspendAsync(
            accountId,
            request.Suspended,
            SupportNotes.Suspension(request.Suspended, caller, request.Reason),
            time.Now(),
            a => mails.Suspension(a, request.Suspended, request.Reason),
            context.CancellationToken) ?? throw Errors.Of(ErrorReason.NotFound);
        if (result.Changed)
        {
            directory.End(result.Ended, RevokedReason.AccountSuspended);
            mailSignal.Set();
            feed.Appended(accountId);
            Log.SuspensionChanged(logger, accountId, request.Suspended, caller.OperatorId);
        }

        return new SuspendAccountResponse { Account = result.Account.ToContract(wholeAddress: false) };
    }
}
