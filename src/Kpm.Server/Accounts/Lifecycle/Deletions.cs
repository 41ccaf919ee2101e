using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>What a deletion leaves with its owner: the token that calls it off, and at the end a receipt.</summary>
internal sealed class Deletions(IDeletionStore store, Tickets tickets, NoticeMails mails, TimeProvider time, Limits limits)
{
    /// <summary>The token that the mail carries: works until the account is deleted.</summary>
    public NewTicket MailedTicket(Guid accountId) => tickets.New(TicketPurpose.CancelDeletion, limits.DeletionGrace, "", LifecycleJson.Default.String, accountId);

    /// <summary>What a sign-in to an account that is going to be deleted leads to; WRONG_CREDENTIALS where its time has come.</summary>
    public async Task<DeletionScheduled> OfferAsync(AccountRow account, CancellationToken cancellationToken)
    {
        var now = time.Now();
        var left = account.DeletesAt!.Value - now;
        var lifetime = left < limits.DeletionTokenLifetime ? left : limits.DeletionTokenLifetime;
        var ticket = tickets.New(TicketPurpose.CancelDeletion, lifetime, "", LifecycleJson.Default.String, account.AccountId);
        return await store.IssueTicketAsync(ticket.Row, now, cancellationToken)
            ? new DeletionScheduled { DeletesAt = Timestamp.FromDateTimeOffset(account.DeletesAt.Value), Token = ticket.Text }
            : throw Errors.Of(ErrorReason.WrongCredentials);
    }

    public DeletionReceipt Receipt(AccountRow account)
    {
        var receiptId = Ids.New(time);
        return new DeletionReceipt(receiptId, mails.Of(account, "deletion-done", NoticeMails.Values([("date", NoticeMails.Write(time.Now())), ("receipt", receiptId.ToWire())])));
    }
}
