using System.Security.Cryptography;
using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Messaging.Sms;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Sends a code to a number that is to become a factor. Number and code wait in a ticket: nothing changes until the code has come back.</summary>
internal sealed class StartPhone(IAccountStore accounts, Reauthenticator reauthenticator, SmsCodes codes, SmsSending sending, Tickets tickets, Limits limits)
{
    private const int ScopeBytes = 16;

    public async Task<StartPhoneResponse> HandleAsync(StartPhoneRequest request, ServerCallContext context)
    {
        if (!PhoneNumber.TryParse(request.Phone, out var number))
        {
            throw Errors.Field("phone", "MALFORMED", "must be a telephone number in E.164 form, such as +436601234567");
        }

        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        // The re-authentication comes last, since it uses a second factor up.
        await sending.RequireTimeAsync(number, context.CancellationToken);
        if (await sending.CheckAsync(account, request.SecurityCheck, context) is { } check)
        {
            return new StartPhoneResponse { SecurityCheckRequired = check };
        }

        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);

        var scope = RandomNumberGenerator.GetBytes(ScopeBytes);
        var code = codes.New(number, account.Language, scope);
        var content = new PhoneContent { Number = number.Text, Scope = scope, CodeHash = code.CodeHash, CodeExpiresAt = code.ExpiresAt };
        var ticket = tickets.New(
            TicketPurpose.PhoneSetUp, limits.FactorSetUpLifetime, content, TwoStepJson.Default.PhoneContent, caller.AccountId, caller.SessionId, limits.SmsCodeTries);
        var sent = await sending.SendAsync(caller.AccountId, code, ticket.Row, signInTicket: null, context.CancellationToken);
        return new StartPhoneResponse { Started = new PhoneStarted { Ticket = ticket.Text, Code = sent } };
    }
}
