using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>The end of a factor's set-up, the same for each kind.</summary>
internal sealed class FactorSetUps(
    ITwoStepStore store, RecoveryCodes recoveryCodes, FactorNotices notices, MailSignal mailSignal, SecurityFeed feed, TimeProvider time, ILogger<FactorSetUps> logger)
{
    /// <summary>The set-up that a ticket names; it serves the session that began it.</summary>
    public async Task<TicketRow> FindAsync(Caller caller, string ticket, TicketPurpose purpose, CancellationToken cancellationToken) =>
        await store.FindTicketAsync(SecretToken.Hash(ticket), purpose, time.Now(), cancellationToken) is { } row && row.AccountId == caller.AccountId && row.SessionId == caller.SessionId
            ? row
            : throw Errors.Of(ErrorReason.TicketInvalid);

    /// <summary>Stores the factor that was proven, or counts a wrong code where there is none; the recovery codes where they are new.</summary>
    public async Task<IReadOnlyList<string>> CompleteAsync(Caller caller, AccountRow account, TicketRow ticket, AuthenticatorRow? authenticator, PhoneRow? phone, DateTimeOffset now)
    {
        var method = ticket.Purpose == TicketPurpose.AuthenticatorSetUp ? TwoStepMethod.Authenticator : TwoStepMethod.Sms;
        var (codes, hashes) = recoveryCodes.New(caller.AccountId);
        // Not cancelled with the call: hanging up must not save a guess from being counted.
        var outcome = await store.ConfirmAsync(
            new ConfirmFactor
            {
                AccountId = caller.AccountId,
                Ticket = ticket.Hash,
                Purpose = ticket.Purpose,
                Right = authenticator is not null || phone is not null,
                Authenticator = authenticator,
                Phone = phone,
                RecoveryHashes = hashes,
                Added = new SecurityNote(SecurityEventKind.FactorAdded, Actor.Session, caller.DeviceId, $"method={FactorNotices.NameOf(method)}"),
                CodesGenerated = new SecurityNote(SecurityEventKind.RecoveryCodesGenerated, Actor.Session, caller.DeviceId),
                Mail = await notices.AddedAsync(caller, account, method, CancellationToken.None),
                Now = now,
            },
            CancellationToken.None);
        switch (outcome.End)
        {
            case ConfirmResult.TicketInvalid:
                throw Errors.Of(ErrorReason.TicketInvalid);
            case ConfirmResult.Wrong:
                throw Errors.Of(ErrorReason.SecondFactorInvalid);
        }

        mailSignal.Set();
        feed.Appended(caller.AccountId);
        Log.FactorAdded(logger, caller.AccountId, method);
        return outcome.NewRecoveryCodes ? codes : [];
    }
}
