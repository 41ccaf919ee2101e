using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Turns the authenticator on, or replaces the former one. The step that proved it is used up with it.</summary>
internal sealed class ConfirmAuthenticator(IAccountStore accounts, FactorSetUps setUps, IOneTimePasswords passwords, Tickets tickets, FactorSeal seal, TimeProvider time)
{
    public async Task<ConfirmAuthenticatorResponse> HandleAsync(ConfirmAuthenticatorRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        var ticket = await setUps.FindAsync(caller, request.Ticket, TicketPurpose.AuthenticatorSetUp, context.CancellationToken);
        var secret = tickets.Open(ticket, TwoStepJson.Default.AuthenticatorContent).Secret;
        var now = time.Now();
        var step = passwords.StepOf(secret, request.Code, now, afterStep: 0);
        var row = step is null ? null : new AuthenticatorRow { AccountId = caller.AccountId, Secret = seal.Seal(caller.AccountId, secret), AddedAt = now, LastStep = step.Value };
        var response = new ConfirmAuthenticatorResponse();
        response.RecoveryCodes.Add(await setUps.CompleteAsync(caller, account, ticket, row, phone: null, now));
        return response;
    }
}
