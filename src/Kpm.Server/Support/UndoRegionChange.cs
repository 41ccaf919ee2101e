using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>Puts the former region back. One operator is enough: it takes back what two have done.</summary>
internal sealed class UndoRegionChange(ISupportStore store, SupportMails mails, MailSignal mailSignal, SecurityFeed feed, TimeProvider time, ILogger<UndoRegionChange> logger)
{
    public async Task<UndoRegionChangeResponse> HandleAsync(UndoRegionChangeRequest request, ServerCallContext context)
    {
        var caller = context.Operator();
        var result = await store.UndoAsync(Guid.ParseExact(request.CaseId, "D"), caller, request.Reason, time.Now(), mails.TakenBack, context.CancellationToken);
        if (result.Case is not { } undone)
        {
            throw Errors.Of(result.Outcome == CaseOutcome.NoCase ? ErrorReason.NotFound : ErrorReason.CaseNotOpen);
        }

        mailSignal.Set();
        feed.Appended(undone.AccountId);
        Log.CaseUndone(logger, undone.CaseId, undone.AccountId, caller.OperatorId);
        return new UndoRegionChangeResponse { Case = undone.ToContract() };
    }
}
