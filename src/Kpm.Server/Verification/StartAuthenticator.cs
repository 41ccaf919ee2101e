using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Makes a secret for an authenticator app. It waits in a ticket: nothing changes until the app has proven it.</summary>
internal sealed class StartAuthenticator(IAccountStore accounts, ITwoStepStore store, Reauthenticator reauthenticator, Tickets tickets, MailOptions mail, Limits limits)
{
    public async Task<StartAuthenticatorResponse> HandleAsync(StartAuthenticatorRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);

        var setup = AuthenticatorSetup.New(account.Email, mail);
        var ticket = tickets.New(
            TicketPurpose.AuthenticatorSetUp,
            limits.FactorSetUpLifetime,
            new AuthenticatorContent { Secret = setup.Secret },
            TwoStepJson.Default.AuthenticatorContent,
            caller.AccountId,
            caller.SessionId,
            limits.FactorSetUpTries);
        await store.StartTicketAsync(ticket.Row, context.CancellationToken);
        return new StartAuthenticatorResponse
        {
            Ticket = ticket.Text,
            Secret = setup.Base32,
            OtpauthUri = setup.Uri,
            QrPng = ByteString.CopyFrom(setup.QrPng),
            ExpiresAt = Timestamp.FromDateTimeOffset(ticket.Row.ExpiresAt),
        };
    }
}
