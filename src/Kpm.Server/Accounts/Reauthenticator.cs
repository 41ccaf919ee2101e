using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Federation;
using Kpm.Server.Rpc;
using Kpm.Server.Verification;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>
/// Proves once more who is calling, before something that a stolen session must not do. A wrong password counts like
/// one at sign-in, so that a stolen session is no way around the delay.
/// </summary>
internal sealed class Reauthenticator(PasswordHashing hashing, SignInThrottle throttle, IActivationStore failures, ReauthenticationTickets tickets)
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

        // The second factor belongs here: a ticket that is spent before it is asked for would cost the person another sign-in at the provider.
        if (reauthentication.ProofCase == Reauthentication.ProofOneofCase.FederatedTicket)
        {
            await tickets.TakeAsync(caller, reauthentication.FederatedTicket, cancellationToken);
        }
    }

    private async Task VerifyPasswordAsync(AccountRow account, string password, CancellationToken cancellationToken)
    {
        using var attempt = await throttle.EnterAsync(EmailAddress.Parse(account.Email), cancellationToken);
        if (!await hashing.VerifyAsync(password, account.PasswordHash, cancellationToken))
        {
            // Not cancelled with the call: hanging up must not save a guess from being counted.
            await failures.RecordFailedSignInAsync(new FailedSignIn(attempt.AddressHash, throttle.Next), pending: null, CancellationToken.None);
            throw Errors.Of(ErrorReason.WrongCredentials);
        }
    }
}
