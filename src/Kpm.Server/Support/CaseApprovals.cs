using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>The second operator's half of a case.</summary>
internal sealed class CaseApprovals(ISupportStore store, SupportMails mails, MailSignal mailSignal, SecurityFeed feed, TimeProvider time, ILogger<CaseApprovals> logger)
{
    /// <summary>The case as it stands then; the same operator may repeat the call.</summary>
    /// <param name="caseId">The case.</param>
    /// <param name="kind">The rpc's kind: a case of another kind is none.</param>
    /// <param name="delay">From the approval to the effect.</param>
    /// <param name="undo">From the approval to when the owner can no longer take it back.</param>
    /// <param name="context">The call.</param>
    public async Task<SupportCase> ApproveAsync(string caseId, SupportCaseKind kind, TimeSpan delay, TimeSpan undo, ServerCallContext context)
    {
        var caller = context.Operator();
        var now = time.Now();
        var result = await store.ApproveAsync(
            Guid.ParseExact(caseId, "D"), kind, caller, new CaseTimes(now, now + delay, now + undo), mails.Approved, context.CancellationToken);
        switch (result.Outcome)
        {
            case CaseOutcome.NoCase:
                throw Errors.Of(ErrorReason.NotFound);
            case CaseOutcome.NotOpen:
                throw Errors.Of(ErrorReason.CaseNotOpen);
            case CaseOutcome.SameOperator:
                throw Errors.Of(ErrorReason.SecondOperatorRequired);
            case CaseOutcome.Done:
                mailSignal.Set();
                feed.Appended(result.Case!.AccountId);
                Log.CaseApproved(logger, kind, result.Case.CaseId, result.Case.AccountId, caller.OperatorId);
                break;
        }

        return result.Case!.ToContract();
    }
}
