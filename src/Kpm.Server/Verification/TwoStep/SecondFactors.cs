using System.Globalization;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>Holds what somebody brought as a second factor against what the account has.</summary>
internal sealed class SecondFactors(
    ITwoStepStore store,
    IOneTimePasswords passwords,
    FactorSeal seal,
    RecoveryCodes recoveryCodes,
    SmsCodes smsCodes,
    Guard guard,
    NoticeMails mails,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time)
{
    /// <summary>Demands a fresh factor where two-step verification is on, and uses it up; false where it is off.</summary>
    public async Task<bool> RequireAsync(Caller caller, AccountRow account, SecondFactor? factor, CancellationToken cancellationToken)
    {
        if (!(await store.FindAsync(account.AccountId, cancellationToken)).Enabled)
        {
            return false;
        }

        await UseAsync(caller, account, factor ?? throw Errors.Of(ErrorReason.SecondFactorRequired), cancellationToken);
        return true;
    }

    /// <summary>Uses a fresh factor up; FACTOR_NOT_SET_UP where the account does not have it.</summary>
    public async Task UseAsync(Caller caller, AccountRow account, SecondFactor factor, CancellationToken cancellationToken)
    {
        using var attempt = await guard.EnterAsync(GuardedAct.SecondFactor, GuardSubject.OfAccount(account.AccountId, address: null), cancellationToken);
        var proof = Prepare(account, factor, ScopeOf(caller));
        // Not cancelled with the call: hanging up must not save a guess from being counted.
        var outcome = await store.UseAsync(account.AccountId, proof, new FactorUser(Actor.Session, caller.DeviceId, attempt), time.Now(), CancellationToken.None);
        feed.Appended(account.AccountId);
        mailSignal.Set();
        switch (outcome)
        {
            case FactorOutcome.Wrong:
                throw Errors.Of(ErrorReason.SecondFactorInvalid);
            case FactorOutcome.NotSetUp:
                throw Errors.Of(ErrorReason.FactorNotSetUp);
        }
    }

    /// <summary>The factor, ready for a unit.</summary>
    /// <param name="account">The account.</param>
    /// <param name="factor">What was brought.</param>
    /// <param name="smsScope">What a code by SMS must have been sent for.</param>
    public FactorProof Prepare(AccountRow account, SecondFactor factor, ReadOnlySpan<byte> smsScope) => factor.FactorCase switch
    {
        SecondFactor.FactorOneofCase.AuthenticatorCode => new FactorProof.Authenticator(row => passwords.StepOf(seal.Open(row), factor.AuthenticatorCode, time.Now(), row.LastStep)),
        SecondFactor.FactorOneofCase.SmsCode => new FactorProof.Sms(smsCodes.HashOf(smsScope, factor.SmsCode)),
        SecondFactor.FactorOneofCase.RecoveryCode => new FactorProof.Recovery(recoveryCodes.HashOf(account.AccountId, factor.RecoveryCode), left => RecoveryMail(account, left)),
        _ => throw new InvalidOperationException($"No rule for {factor.FactorCase}."),
    };

    /// <summary>What a code that is sent for a session serves.</summary>
    public static byte[] ScopeOf(Caller caller) => caller.SessionId.ToBytes();

    private OutgoingMail RecoveryMail(AccountRow account, int left) => mails.Of(account, "recovery-code-used", new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["remaining"] = left.ToString(CultureInfo.InvariantCulture),
        ["time"] = NoticeMails.Write(time.Now()),
    });
}
