using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>What a sign-in came to. Every case but SignedIn is a step of the way, and none is an error.</summary>
public abstract record SignInOutcome
{
    private SignInOutcome()
    {
    }

    /// <summary>This device is connected.</summary>
    /// <param name="Account">The account.</param>
    /// <param name="KeysHeldUntil">After a password reset: until when this device can't fetch the vault's keys unless it is approved. Null for no hold.</param>
    public sealed record SignedIn(Account Account, DateTimeOffset? KeysHeldUntil) : SignInOutcome;

    /// <summary>Nothing was done; the same call must be repeated with the answer to this check.</summary>
    /// <param name="Check">The check.</param>
    public sealed record CheckRequired(SecurityCheck Check) : SignInOutcome;

    /// <summary>The first step was right; the second one goes to TwoStepClient.CompleteAsync.</summary>
    /// <param name="Step">The ticket, and the methods that the account has.</param>
    public sealed record TwoStepRequired(V1.TwoStepRequired Step) : SignInOutcome;

    /// <summary>The account is going to be deleted. RecoveryClient.KeepAccountAsync with the token keeps it; then sign in again.</summary>
    /// <param name="DeletesAt">When it is deleted.</param>
    /// <param name="Token">For KeepAccountAsync.</param>
    public sealed record DeletionScheduled(DateTimeOffset DeletesAt, string Token) : SignInOutcome;

    /// <summary>No account has this identity yet: show the registration, with the ticket in NewAccount.</summary>
    /// <param name="Registration">The ticket, and what the provider told.</param>
    public sealed record RegisterFirst(V1.RegisterFirst Registration) : SignInOutcome;
}

/// <summary>What came of a call that the server may guard with a Security Check.</summary>
/// <typeparam name="T">What the call answers with.</typeparam>
public sealed record Guarded<T>
    where T : class
{
    internal Guarded(T value) => Value = value;

    internal Guarded(SecurityCheck check) => Check = check;

    /// <summary>The answer; null where the check must be passed first.</summary>
    public T? Value { get; }

    /// <summary>Nothing was done; the same call must be repeated with the answer to this check. Null where none was demanded.</summary>
    public SecurityCheck? Check { get; }
}
