using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>Schedules the deletion of an activated account; a pending one is gone at once.</summary>
internal sealed class DeleteAccount(
    IAccountStore accounts,
    IDeletionStore store,
    Deletions deletions,
    Reauthenticator reauthenticator,
    SessionDirectory directory,
    AccountEndings endings,
    NoticeMails mails,
    MailSignal mailSignal,
    TimeProvider time,
    Limits limits)
{
    public async Task<DeleteAccountResponse> HandleAsync(DeleteAccountRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);
        var now = time.Now();
        var deletesAt = now + limits.DeletionGrace;
        var ticket = deletions.MailedTicket(account.AccountId);
        var result = await store.ScheduleAsync(
            new DeletionSchedule
            {
                AccountId = account.AccountId,
                Now = now,
                DeletesAt = deletesAt,
                Ticket = ticket.Row,
                Entry = new SecurityEntry(
                    new SecurityNote(SecurityEventKind.DeletionScheduled, Actor.Session, caller.DeviceId),
                    (a, _) => mails.Of(a, "deletion-scheduled", NoticeMails.Values([("date", NoticeMails.Write(deletesAt)), ("token", ticket.Text)]), limits.DeletionGrace)),
                Request = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request),
                Response = new DeleteAccountResponse { DeletesAt = Timestamp.FromDateTimeOffset(deletesAt) }.ToByteArray(),
            },
            CancellationToken.None);

        if (result.Removed is { } removed)
        {
            endings.Removed([removed]);
            return new DeleteAccountResponse();
        }

        directory.End(result.Ended, RevokedReason.AccountDeletion);
        mailSignal.Set();
        return DeleteAccountResponse.Parser.ParseFrom(result.Response);
    }
}
