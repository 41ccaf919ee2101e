using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;

namespace Kpm.Server.Federation;

/// <summary>Identities and the tickets of their flows. Each writing method is one transaction.</summary>
internal interface IIdentityStore
{
    /// <summary>The identity of an activated account.</summary>
    ValueTask<IdentityRow?> FindActiveAsync(string issuer, string subject, CancellationToken cancellationToken);

    /// <summary>A page of an account's identities, oldest first, behind a position.</summary>
    ValueTask<IReadOnlyList<IdentityRow>> ListAsync(Guid accountId, IdentityPosition? after, int most, CancellationToken cancellationToken);

    /// <summary>Keeps when the identity was last used, and the address that the provider tells now.</summary>
    Task TouchAsync(Guid identityId, string email, DateTimeOffset now, CancellationToken cancellationToken);

    Task<LinkResult> LinkAsync(LinkWrite write, CancellationToken cancellationToken);

    Task<UnlinkResult> UnlinkAsync(UnlinkWrite write, CancellationToken cancellationToken);

    Task InsertTicketAsync(TicketRow ticket, CancellationToken cancellationToken);

    /// <summary>A ticket that works; it stays.</summary>
    ValueTask<TicketRow?> FindTicketAsync(byte[] hash, TicketPurpose purpose, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Uses a ticket up; null for whoever comes second.</summary>
    Task<TicketRow?> TakeTicketAsync(byte[] hash, TicketPurpose purpose, DateTimeOffset now, CancellationToken cancellationToken);
}

/// <summary>An identity as it is stored.</summary>
internal sealed record IdentityRow
{
    public required Guid IdentityId { get; init; }
    public required Guid AccountId { get; init; }
    public required string ProviderId { get; init; }
    public required string Issuer { get; init; }
    public required string Subject { get; init; }

    /// <summary>Empty for none.</summary>
    public required string Email { get; init; }

    /// <summary>Its account is activated; of several pending accounts with one identity, the one that is activated keeps it.</summary>
    public required bool Active { get; init; }
    public required DateTimeOffset LinkedAt { get; init; }
    public required DateTimeOffset? LastUsedAt { get; init; }
}

/// <summary>A place in the list of identities.</summary>
internal sealed record IdentityPosition(DateTimeOffset LinkedAt, Guid IdentityId);

/// <summary>Everything that linking writes.</summary>
internal sealed record LinkWrite
{
    public required IdentityRow Identity { get; init; }
    public required SecurityNote Note { get; init; }
    public required OutgoingMail Mail { get; init; }
    public required RequestKey Request { get; init; }
    public required Func<IdentityRow, byte[]> Respond { get; init; }

    /// <summary>More identities of one account are refused.</summary>
    public required int Most { get; init; }
}

internal enum LinkOutcome
{
    Linked,

    /// <summary>The account has it already.</summary>
    Known,
    InUse,
    TooMany,

    /// <summary>The account is gone.</summary>
    NoAccount,
}

internal sealed record LinkResult(LinkOutcome Outcome, byte[]? Response = null);

/// <summary>Everything that unlinking writes.</summary>
internal sealed record UnlinkWrite
{
    public required Guid AccountId { get; init; }
    public required Guid IdentityId { get; init; }

    /// <summary>Whether an identity of the provider can still sign in to the account.</summary>
    public required Func<string, bool> Opens { get; init; }
    public required Func<IdentityRow, SecurityNote> Note { get; init; }
    public required Func<IdentityRow, OutgoingMail> Mail { get; init; }
    public required RequestKey Request { get; init; }
    public required byte[] Response { get; init; }
    public required DateTimeOffset Now { get; init; }
}

internal enum UnlinkOutcome
{
    Unlinked,
    NotFound,

    /// <summary>Nothing else signs in to the account.</summary>
    LastWayIn,
}

internal sealed record UnlinkResult(UnlinkOutcome Outcome, byte[]? Response = null, string? ProviderId = null);
