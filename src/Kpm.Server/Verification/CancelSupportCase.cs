using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Support;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>The owner's word against what support has started: stops it before its effect, or takes a change of region back.</summary>
internal sealed class CancelSupportCase(ISupportStore store, SupportMails mails, MailSignal mailSignal, SecurityFeed feed, TimeProvider time, ILogger<CancelSupportCase> logger)
{
    public async Task<CancelSupportCaseResponse> HandleAsync(CancelSupportCaseRequest request, ServerCallContext context)
    {
        if (request.CaseCase == CancelSupportCaseRequest.CaseOneofCase.Token)
        {
            await CancelAsync(request.Token, context.CancellationToken);
        }
        else
        {
            var caller = context.CallerOrNull() ?? throw Errors.Of(ErrorReason.SessionInvalid);
            await CancelAsync(new CancelBy.Session(caller.AccountId, caller.DeviceId, Guid.ParseExact(request.CaseId, "D")), context.CancellationToken);
        }

        return new CancelSupportCaseResponse();
    }

    /// <summary>By the mailed token, which works once; for the page behind the mailed link too.</summary>
    public Task CancelAsync(string token, CancellationToken cancellationToken) =>
        CancelAsync(new CancelBy.Ticket(SecretToken.Hash(token), mails.CaseOf), cancellationToken);

    private async Task CancelAsync(CancelBy by, CancellationToken cancellationToken)
    {
        var result = await store.CancelAsync(by, time.Now(), mails.TakenBack, cancellationToken);
        if (result.Case is not { } cancelled)
        {
            throw Errors.Of(result.Outcome switch
            {
                CaseOutcome.NoTicket => ErrorReason.TokenInvalid,
                CaseOutcome.NoCase => ErrorReason.NotFound,
                _ => ErrorReason.CaseNotOpen,
            });
        }

        mailSignal.Set();
        feed.Appended(cancelled.AccountId);
        Support.Log.CaseCancelled(logger, cancelled.CaseId, cancelled.AccountId);
    }
}
