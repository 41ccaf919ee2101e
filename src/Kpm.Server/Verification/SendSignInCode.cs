using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Sends a code by SMS to the account's phone: for a sign-in's ticket, or for a re-authentication in the calling session.</summary>
internal sealed class SendSignInCode(IAccountStore accounts, ITwoStepStore store, TwoStepSignIns signIns, SmsCodes codes, SmsSending sending, FactorSeal seal)
{
    public async Task<SendSignInCodeResponse> HandleAsync(SendSignInCodeRequest request, ServerCallContext context)
    {
        var (account, scope, ticket) = await FindAsync(request, context);
        var phone = (await store.FindAsync(account.AccountId, context.CancellationToken)).Phone ?? throw Errors.Of(ErrorReason.FactorNotSetUp);
        var number = seal.Open(phone);
        await sending.RequireTimeAsync(number, context.CancellationToken);
        if (await sending.CheckAsync(account, request.SecurityCheck, context) is { } check)
        {
            return new SendSignInCodeResponse { SecurityCheckRequired = check };
        }

        var code = codes.New(number, account.Language, scope);
        return new SendSignInCodeResponse { Sent = await sending.SendAsync(account.AccountId, code, setUp: null, ticket, context.CancellationToken) };
    }

    private async Task<(AccountRow Account, byte[] Scope, byte[]? Ticket)> FindAsync(SendSignInCodeRequest request, ServerCallContext context)
    {
        if (request.Ticket.Length > 0)
        {
            var (ticket, signingIn) = await signIns.FindAsync(request.Ticket, context.CancellationToken);
            return (signingIn, ticket.Hash, ticket.Hash);
        }

        var caller = context.CallerOrNull() ?? throw Errors.Field("ticket", Faults.Missing.Reason, "must be set without a session");
        if (!caller.Activated)
        {
            throw Errors.Of(ErrorReason.ActivationRequired);
        }

        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        return (account, SecondFactors.ScopeOf(caller), null);
    }
}
