using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>What an operator wants to do to an account, and why.</summary>
internal sealed record Proposal(SupportCaseKind Kind, string AccountId, string Reason, string RequestId, string Region = "");

/// <summary>The first operator's half of a case.</summary>
internal sealed class CaseProposals(ISupportStore store, SecurityFeed feed, TimeProvider time, Limits limits, ILogger<CaseProposals> logger)
{
    /// <summary>The response, the first one again for a repeated request.</summary>
    /// <param name="proposal">What is proposed.</param>
    /// <param name="request">The request that it came with.</param>
    /// <param name="respond">How the rpc answers.</param>
    /// <param name="pointless">What is thrown where nothing would change.</param>
    /// <param name="context">The call.</param>
    public async Task<byte[]> ProposeAsync(Proposal proposal, IMessage request, Func<SupportCase, IMessage> respond, Func<KpmException> pointless, ServerCallContext context)
    {
        var caller = context.Operator();
        var now = time.Now();
        var row = new SupportCaseRow
        {
            CaseId = Ids.New(time),
            AccountId = Guid.ParseExact(proposal.AccountId, "D"),
            Kind = proposal.Kind,
            State = SupportCaseState.Proposed,
            Reason = proposal.Reason,
            Region = proposal.Region,
            FormerRegion = "",
            ProposedBy = caller.OperatorId,
            ProposedName = caller.Name,
            ProposedAt = now,
            DueAt = now + limits.SupportCaseLifetime,
        };
        var key = RequestKey.Of(caller.OperatorId, context.Method, proposal.RequestId, request);
        var result = await store.ProposeAsync(row, key, r => respond(r.ToContract()).ToByteArray(), context.CancellationToken);
        switch (result.Outcome)
        {
            case ProposeOutcome.NoAccount:
                throw Errors.Of(ErrorReason.NotFound);
            case ProposeOutcome.Open:
                throw Errors.With(ErrorReason.CaseOpen, "caseId", result.OtherCase!.Value.ToWire());
            case ProposeOutcome.Pointless:
                throw pointless();
        }

        if (result.AccountId is { } accountId)
        {
            feed.Appended(accountId);
            Log.CaseProposed(logger, row.Kind, row.CaseId, accountId, caller.OperatorId);
        }

        return result.Response!;
    }
}
