using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Sessions. Each writing method is one transaction.</summary>
internal interface ISessionStore
{
    /// <summary>The session that an access token opens; a session that has ended or a token that has expired is found too.</summary>
    ValueTask<AccessRow?> FindByAccessTokenAsync(byte[] accessHash, CancellationToken cancellationToken);

    ValueTask<SessionRow?> FindAsync(Guid sessionId, CancellationToken cancellationToken);

    /// <summary>Links the device to the activated account where it is not, ends its session before, and opens the new one.</summary>
    Task<SignInResult> SignInAsync(SignInWrite write, CancellationToken cancellationToken);

    /// <summary>Decides and writes in one transaction; the decision is a pure function of the row.</summary>
    Task<Refresh> RefreshAsync(Guid sessionId, Func<SessionRow, Refresh> decide, SecurityEntry reused, CancellationToken cancellationToken);

    /// <summary>Ends the session, or all of the account, and remembers the response.</summary>
    Task<SignOutResult> SignOutAsync(SignOutWrite write, CancellationToken cancellationToken);

    /// <summary>Ends the hold on a live session's keys and remembers the response; null where the account has no such session.</summary>
    Task<byte[]?> ApproveAsync(SessionApproval approval, CancellationToken cancellationToken);

    /// <summary>The remembered response of a call that may have ended its own session.</summary>
    ValueTask<byte[]?> FindResponseAsync(RequestKey request, CancellationToken cancellationToken);

    /// <summary>Removes what nothing needs any more, at most so many rows of each kind; false when none was left.</summary>
    Task<bool> SweepAsync(SweepTimes times, int most, CancellationToken cancellationToken);
}

/// <summary>Whom an access token belongs to.</summary>
internal sealed record AccessRow
{
    public required Caller Caller { get; init; }
    public required bool Ended { get; init; }
}

/// <summary>Everything that a sign-in writes.</summary>
internal sealed record SignInWrite
{
    /// <summary>The account as the first factor found it.</summary>
    public required AccountRow Account { get; init; }
    public required DeviceRow Device { get; init; }
    public required NewSession Session { get; init; }

    /// <summary>Whose wrong passwords are forgotten; null for none.</summary>
    public required byte[]? AddressHash { get; init; }
    public required SignInMethod Method { get; init; }

    /// <summary>Sent where the device was not linked before.</summary>
    public required OutgoingMail NewDeviceMail { get; init; }

    /// <summary>The second step; null where none is due.</summary>
    public required TwoStepPass? TwoStep { get; init; }
}

/// <summary>Everything that signing out writes.</summary>
internal sealed record SignOutWrite
{
    public required Guid AccountId { get; init; }
    public required Guid SessionId { get; init; }
    public required bool Everywhere { get; init; }
    public required DateTimeOffset Now { get; init; }
    public required SecurityEntry Entry { get; init; }
    public required RequestKey Request { get; init; }
    public required byte[] Response { get; init; }
}

internal sealed record SignOutResult(byte[] Response, IReadOnlyList<EndedSession> Ended);

/// <summary>A session that is to get its keys before the hold is over.</summary>
internal sealed record SessionApproval
{
    public required Guid AccountId { get; init; }
    public required Guid SessionId { get; init; }
    public required DateTimeOffset Now { get; init; }

    /// <summary>What is noted, for the session's device.</summary>
    public required Func<Guid, SecurityNote> Note { get; init; }
    public required RequestKey Request { get; init; }
    public required byte[] Response { get; init; }
}

internal enum SignInOutcome
{
    SignedIn,

    /// <summary>The account went away between the password and the write.</summary>
    NoAccount,
    DeviceConflict,

    /// <summary>The sign-in's ticket was used or has expired.</summary>
    TicketInvalid,
    SecondFactorInvalid,
    FactorNotSetUp,

    /// <summary>Support suspended the account.</summary>
    Suspended,

    /// <summary>Its password was changed, or its deletion was scheduled, between the proof and the write.</summary>
    AccountChanged,
}

/// <summary>The outcome, and the sessions of the device that the new one ended.</summary>
internal sealed record SignInResult(SignInOutcome Outcome, IReadOnlyList<EndedSession> Ended);

/// <summary>Rows older than these are swept.</summary>
internal sealed record SweepTimes(DateTimeOffset Now, DateTimeOffset EndedBefore, DateTimeOffset RequestsBefore);
