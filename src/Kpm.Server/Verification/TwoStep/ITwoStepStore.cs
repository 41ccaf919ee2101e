using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>Second factors. Each writing method is one transaction, so that each code works once.</summary>
internal interface ITwoStepStore
{
    ValueTask<FactorRows> FindAsync(Guid accountId, CancellationToken cancellationToken);

    /// <summary>The device holds a trust of the account that has not ended.</summary>
    ValueTask<bool> IsTrustedAsync(Guid accountId, Guid deviceId, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken);

    ValueTask<IReadOnlyList<TrustedDeviceRow>> ListTrustedAsync(Guid accountId, TrustedDevicePosition? after, DateTimeOffset now, int most, CancellationToken cancellationToken);

    ValueTask<TicketRow?> FindTicketAsync(byte[] hash, TicketPurpose purpose, DateTimeOffset now, CancellationToken cancellationToken);

    Task StartTicketAsync(TicketRow ticket, CancellationToken cancellationToken);

    /// <summary>Uses a factor up, or counts that it was wrong.</summary>
    Task<FactorOutcome> UseAsync(Guid accountId, FactorProof proof, FactorUser user, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>How often a number was sent to; null for never.</summary>
    ValueTask<NumberUse?> FindUseAsync(byte[] numberHash, CancellationToken cancellationToken);

    /// <summary>Makes the code the newest one, and queues its message, where the number and the ticket bear it.</summary>
    Task<SendOutcome> SendAsync(SendCode send, CancellationToken cancellationToken);

    /// <summary>Carries out a set-up whose code was right; counts a wrong one.</summary>
    Task<ConfirmOutcome> ConfirmAsync(ConfirmFactor confirm, CancellationToken cancellationToken);

    /// <summary>Removes a factor and remembers the response; null where the account does not have it.</summary>
    Task<byte[]?> RemoveAsync(RemoveFactorWrite remove, CancellationToken cancellationToken);

    /// <summary>Replaces the recovery codes; false where two-step verification is off.</summary>
    Task<bool> ReplaceRecoveryCodesAsync(Guid accountId, IReadOnlyList<byte[]> hashes, SecurityNote note, OutgoingMail mail, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Ends the trust in a device and remembers the response; null where there is none.</summary>
    Task<byte[]?> ForgetAsync(Guid accountId, Guid deviceId, SecurityNote note, RequestKey request, byte[] response, DateTimeOffset now, CancellationToken cancellationToken);
}

/// <summary>A code that is to go out.</summary>
internal sealed record SendCode
{
    public required Guid AccountId { get; init; }
    public required NewSmsCode Code { get; init; }

    /// <summary>The set-up that the code belongs to; null for a code of the account's own phone.</summary>
    public required TicketRow? SetUp { get; init; }

    /// <summary>The sign-in that asks, which must still be open; null for none.</summary>
    public required byte[]? SignInTicket { get; init; }
    public required int Tries { get; init; }

    /// <summary>When a number with this use may be sent to again; a pure function.</summary>
    public required Func<NumberUse?, DateTimeOffset> AgainAt { get; init; }
}

/// <summary>Whether the code went out, and when the number may be sent to next; TryAgainAt where it had enough already.</summary>
internal sealed record SendOutcome(bool TicketInvalid, DateTimeOffset? TryAgainAt, DateTimeOffset AgainAt);

/// <summary>The end of a set-up.</summary>
internal sealed record ConfirmFactor
{
    public required Guid AccountId { get; init; }
    public required byte[] Ticket { get; init; }
    public required TicketPurpose Purpose { get; init; }

    /// <summary>The code was right.</summary>
    public required bool Right { get; init; }

    /// <summary>The new factor, of which one is set.</summary>
    public AuthenticatorRow? Authenticator { get; init; }
    public PhoneRow? Phone { get; init; }

    /// <summary>Stored where the account has no recovery codes.</summary>
    public required IReadOnlyList<byte[]> RecoveryHashes { get; init; }
    public required SecurityNote Added { get; init; }
    public required SecurityNote CodesGenerated { get; init; }
    public required OutgoingMail Mail { get; init; }
    public required DateTimeOffset Now { get; init; }
}

/// <summary>What came of it; the codes are new where the account had none.</summary>
internal sealed record ConfirmOutcome(ConfirmResult End, bool NewRecoveryCodes = false);

internal enum ConfirmResult
{
    Confirmed,
    TicketInvalid,
    Wrong,
}

/// <summary>A factor that is to be removed.</summary>
internal sealed record RemoveFactorWrite
{
    public required Guid AccountId { get; init; }
    public required V1.TwoStepMethod Method { get; init; }
    public required SecurityNote Note { get; init; }
    public required OutgoingMail Mail { get; init; }
    public required RequestKey Request { get; init; }

    /// <summary>The response, made from whether two-step verification is still on.</summary>
    public required Func<bool, byte[]> Respond { get; init; }
    public required DateTimeOffset Now { get; init; }
}
