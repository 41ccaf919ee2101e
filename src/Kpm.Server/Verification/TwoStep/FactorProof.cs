using Kpm.Server.Messaging;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>A second factor that somebody brought, ready to be held against the account's rows inside a unit, where it is used up.</summary>
internal abstract record FactorProof
{
    private FactorProof()
    {
    }

    /// <summary>A code of the app; the function gives the step that it is accepted for, if any.</summary>
    public sealed record Authenticator(Func<AuthenticatorRow, long?> Accept) : FactorProof;

    /// <summary>A code by SMS.</summary>
    public sealed record Sms(byte[] CodeHash) : FactorProof;

    /// <summary>A recovery code, null for what can't be one; and the mail for its owner, made from how many are left.</summary>
    public sealed record Recovery(byte[]? CodeHash, Func<int, OutgoingMail> Mail) : FactorProof;

    /// <summary>What the log of security events calls it.</summary>
    public string Name => this switch
    {
        Authenticator => "authenticator",
        Sms => "sms",
        _ => "recovery_code",
    };
}

/// <summary>Who brings a factor, and the counters of wrong ones that the unit moves on or clears.</summary>
internal sealed record FactorUser(Actor Actor, Guid DeviceId, GuardedAttempt Attempt);

/// <summary>The second step of a sign-in, for its unit: ticket and factor are used up together with it.</summary>
/// <param name="Ticket">The hash of the sign-in's ticket.</param>
/// <param name="Proof">The factor.</param>
/// <param name="Attempt">Counts a wrong factor at the account.</param>
/// <param name="Trust">Spares the device the next second steps; null for no trust.</param>
internal sealed record TwoStepPass(byte[] Ticket, FactorProof Proof, GuardedAttempt Attempt, NewTrust? Trust);

internal enum FactorOutcome
{
    Accepted,

    /// <summary>Wrong, used or expired.</summary>
    Wrong,

    /// <summary>The account does not have this factor.</summary>
    NotSetUp,
}
