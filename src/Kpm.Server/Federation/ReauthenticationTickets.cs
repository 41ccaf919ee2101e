using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Federation;

/// <summary>
/// Tickets that say "the person was asked again at a provider that is linked to this account": each serves one call of the
/// session that asked for it.
/// </summary>
internal sealed class ReauthenticationTickets(IIdentityStore store, Tickets tickets, TimeProvider time, Limits limits)
{
    public async Task<NewTicket> IssueAsync(Caller caller, string providerId, CancellationToken cancellationToken)
    {
        var ticket = tickets.New(
            TicketPurpose.Reauthentication,
            limits.ReauthenticationTicketLifetime,
            new ReauthenticationContent { ProviderId = providerId },
            FederationJson.Default.ReauthenticationContent,
            caller.AccountId,
            caller.SessionId);
        await store.InsertTicketAsync(ticket.Row, cancellationToken);
        return ticket;
    }

    /// <summary>TICKET_INVALID where it would not serve the caller. It stays: a second factor may be wanting, and is asked for first.</summary>
    public async Task CheckAsync(Caller caller, string ticket, CancellationToken cancellationToken) =>
        Require(caller, await store.FindTicketAsync(SecretToken.Hash(ticket), TicketPurpose.Reauthentication, time.Now(), cancellationToken));

    /// <summary>Uses it up, once everything else of the re-authentication holds.</summary>
    public async Task TakeAsync(Caller caller, string ticket, CancellationToken cancellationToken)
    {
        await CheckAsync(caller, ticket, cancellationToken);
        Require(caller, await store.TakeTicketAsync(SecretToken.Hash(ticket), TicketPurpose.Reauthentication, time.Now(), cancellationToken));
    }

    private static void Require(Caller caller, TicketRow? ticket)
    {
        if (ticket is null || ticket.SessionId != caller.SessionId || ticket.AccountId != caller.AccountId)
        {
            throw Errors.Of(ErrorReason.TicketInvalid);
        }
    }
}
