using Kpm.Server.Accounts.Events;
using Kpm.Server.Federation;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification;

namespace Kpm.Server.Accounts;

/// <summary>Accounts and what is made and removed together with them. Each writing method is one transaction.</summary>
internal interface IAccountStore
{
    ValueTask<AccountRow?> FindAsync(Guid accountId, CancellationToken cancellationToken);

    /// <summary>The activated account that holds the address.</summary>
    ValueTask<AccountRow?> FindActiveAsync(string emailKey, CancellationToken cancellationToken);

    /// <summary>The pending account at an address that this device created, else the newest one.</summary>
    ValueTask<AccountRow?> FindPendingAsync(string emailKey, Guid deviceId, CancellationToken cancellationToken);

    Task<CreateResult> CreateAsync(NewAccount account, CancellationToken cancellationToken);

    /// <summary>Changes language and consent, and remembers the response; null where the account is gone.</summary>
    Task<byte[]?> UpdateAsync(SettingsChange change, Func<AccountRow, byte[]> respond, CancellationToken cancellationToken);

    Task SetPasswordHashAsync(Guid accountId, string formerHash, string hash, CancellationToken cancellationToken);

    /// <summary>Removes pending accounts that have lapsed, at most so many.</summary>
    Task<IReadOnlyList<Removed>> RemoveLapsedAsync(DateTimeOffset now, int most, CancellationToken cancellationToken);

    /// <summary>Empties a vault of a removed account, at most so many rows; false when none is left.</summary>
    Task<bool> EmptyRemovedVaultAsync(int most, CancellationToken cancellationToken);
}

/// <summary>Everything that creating an account writes.</summary>
internal sealed record NewAccount
{
    public required AccountRow Account { get; init; }
    public required ConsentRow Consent { get; init; }
    public required DeviceRow Device { get; init; }
    public required NewSession Session { get; init; }

    /// <summary>What was mailed to activate it; null for an account that is active at once.</summary>
    public required NewActivation? Activation { get; init; }
    public required OutgoingMail Mail { get; init; }

    /// <summary>The identity that it is registered with, and the ticket that this uses up; null for none.</summary>
    public NewIdentity? Identity { get; init; }

    /// <summary>More registrations at the address within a day are refused.</summary>
    public required int MostInDay { get; init; }
}

/// <summary>An identity that an account is registered with.</summary>
internal sealed record NewIdentity(IdentityRow Row, byte[] TicketHash);

/// <summary>What the owner changes; null stays.</summary>
internal sealed record SettingsChange
{
    public required Guid AccountId { get; init; }
    public required string? Language { get; init; }
    public required ConsentRow? Consent { get; init; }
    public required DateTimeOffset Now { get; init; }
    public required SecurityEntry Entry { get; init; }
    public required RequestKey Request { get; init; }
}

internal enum CreateOutcome
{
    Created,
    EmailInUse,
    IdentityInUse,
    TicketInvalid,
    DeviceConflict,
    TooMany,
}

/// <summary>What became of it; TryAgainAt where there were too many; the accounts that were pending at the address of one that is active at once.</summary>
internal sealed record CreateResult(CreateOutcome Outcome, DateTimeOffset? TryAgainAt = null)
{
    public IReadOnlyList<Removed> Removed { get; init; } = [];
}
