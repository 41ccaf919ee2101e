using System.Security.Cryptography;
using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Messaging.Sms;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Turns codes by SMS on, or replaces the former number.</summary>
internal sealed class ConfirmPhone(IAccountStore accounts, FactorSetUps setUps, SmsCodes codes, Tickets tickets, FactorSeal seal, TimeProvider time)
{
    public async Task<ConfirmPhoneResponse> HandleAsync(ConfirmPhoneRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        var ticket = await setUps.FindAsync(caller, request.Ticket, TicketPurpose.PhoneSetUp, context.CancellationToken);
        var content = tickets.Open(ticket, TwoStepJson.Default.PhoneContent);
        var now = time.Now();
        var hash = codes.HashOf(content.Scope, request.Code);
        var right = now < content.CodeExpiresAt && CryptographicOperations.FixedTimeEquals(hash, content.CodeHash);
        var row = right ? new PhoneRow { AccountId = caller.AccountId, Number = seal.Seal(caller.AccountId, PhoneNumber.Parse(content.Number)), AddedAt = now } : null;
        var response = new ConfirmPhoneResponse();
        response.RecoveryCodes.Add(await setUps.CompleteAsync(caller, account, ticket, authenticator: null, row, now));
        return response;
    }
}
