using Kpm.Server.Accounts;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Federation;

/// <summary>A registration with an identity: what the ticket stands for, and its hash, which the unit takes.</summary>
internal sealed record RegistrationProof(VerifiedIdentity Identity, OpenIdProvider Provider, byte[] TicketHash)
{
    /// <summary>The provider vouches for this very address, so that no mail has to.</summary>
    public bool Verifies(EmailAddress address) => Identity.EmailVerified && EmailAddress.TryParse(Identity.Email, out var told) && told.Key == address.Key;

    public IdentityRow ToRow(Guid identityId, Guid accountId, bool active, DateTimeOffset now) => new()
    {
        IdentityId = identityId,
        AccountId = accountId,
        ProviderId = Identity.ProviderId,
        Issuer = Identity.Issuer,
        Subject = Identity.Subject,
        Email = Identity.Email,
        Active = active,
        LinkedAt = now,
        LastUsedAt = now,
    };
}

/// <summary>The step between an identity without an account and CreateAccount.</summary>
internal sealed class FederatedRegistration(IIdentityStore store, IAccountStore accounts, Tickets tickets, IdentityProviders providers, TimeProvider time, Limits limits)
{
    /// <summary>What the app shows: the registration, with what the provider told filled in.</summary>
    public async Task<RegisterFirst> OfferAsync(VerifiedIdentity identity, CancellationToken cancellationToken)
    {
        var ticket = tickets.New(
            TicketPurpose.Registration, limits.RegistrationTicketLifetime, new RegistrationContent { Identity = identity }, FederationJson.Default.RegistrationContent);
        await store.InsertTicketAsync(ticket.Row, cancellationToken);
        return new RegisterFirst
        {
            Ticket = ticket.Text,
            Email = identity.Email,
            EmailVerified = identity.EmailVerified,
            PersonName = identity.PersonName,
            ExpiresAt = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(ticket.Row.ExpiresAt),
            EmailInUse = EmailAddress.TryParse(identity.Email, out var address) && await accounts.FindActiveAsync(address.Key, cancellationToken) is not null,
        };
    }

    /// <summary>What the ticket of a registration stands for; null without a ticket. It is not used up yet: the person may have to correct the form.</summary>
    public async Task<RegistrationProof?> FindAsync(string ticket, string region, CancellationToken cancellationToken)
    {
        if (ticket.Length == 0)
        {
            return null;
        }

        var hash = SecretToken.Hash(ticket);
        var row = await store.FindTicketAsync(hash, TicketPurpose.Registration, time.Now(), cancellationToken) ?? throw Errors.Of(ErrorReason.TicketInvalid);
        var identity = tickets.Open(row, FederationJson.Default.RegistrationContent).Identity;
        return new RegistrationProof(identity, providers.OpenIn(region, identity.ProviderId), hash);
    }
}
