using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Federation;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.Checks;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>
/// Proves once more who is calling, before something that a stolen session must not do. A wrong password counts like
/// one at sign-in, so that a stolen session is no way around the delay.
/// </summary>
internal sealed class Reauthenticator(PasswordHashing hashing, Guard guard, ReauthenticationTickets tickets, SecondFactors secondFactors, TimeProvider time)
{
    /// <summary>Returns when the proof holds; throws otherwise.</summary>
    public async Task VerifyAsync(Caller caller, AccountRow account, Reauthentication reauthentication, CancellationToken cancellationToken)
    {
        switch (reauthentication.ProofCase)
        {
            case Reauthentication.ProofOneofCase.Password:
                await VerifyPasswordAsync(account, reauthentication.Password, cancellationToken);
                break;
            case Reauthentication.ProofOneofCase.FederatedTicket:
                await tickets.CheckAsync(caller, reauthentication.FederatedTicket, cancellationToken);
                break;
            default:
                throw Errors.Of(ErrorReason.WrongCredentials);
        }

        // Before the ticket is spent: a second factor that was forgotten would cost the person another sign-in at the provider.
        var twice = await secondFactors.RequireAsync(caller, account, reauthentication.SecondFactor, cancellationToken);
        if (!twice)
        {
            // The password came by mail, and whoever reads the mail may hold the identity of its provider too: neither proves anything yet.
            Errors.ThrowIfHeld(caller, time.Now());
        }

        if (reauthentication.ProofCase == Reauthentication.ProofOneofCase.FederatedTicket)
        {
            await tickets.TakeAsync(caller, reauthentication.FederatedTicket, cancellationToken);
        }
    }

    private async Task VerifyPasswordAsync(AccountRow account, string password, CancellationToken cancellationToken)
    {
        using var attempt = await guard.EnterAsync(GuardedAct.Reauthentication, GuardSubject.OfAccount(account.AccountId, null), cancellationToken);
        if (!await hashing.VerifyAsync(password, account.PasswordHash, cancellationToken))
        {
            await guard.FailedAsync(attempt);
            throw Errors.Of(ErrorReason.WrongCredentials);
        }

        await guard.SucceededAsync(attempt, cancellationToken);
    }
}
