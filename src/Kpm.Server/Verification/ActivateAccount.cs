using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>
/// Activates a pending account. The mailed token alone is not enough: the mailbox's owner could confirm a
/// stranger's registration by accident. It takes the session of the device that registered, or the password.
/// </summary>
internal sealed class ActivateAccount(
    IActivationStore activations,
    PasswordHashing hashing,
    Guard guard,
    ActivationMails mails,
    AccountEndings endings,
    TimeProvider time,
    Limits limits,
    ILogger<ActivateAccount> logger)
{
    public async Task<ActivateAccountResponse> HandleAsync(ActivateAccountRequest request, ServerCallContext context)
    {
        var caller = context.CallerOrNull();
        var result = request.ProofCase == ActivateAccountRequest.ProofOneofCase.Code
            ? await ByCodeAsync(request.Code, caller, context.CancellationToken)
            : await ByTokenAsync(request.Token, request.Password, caller, context.CancellationToken);
        switch (result.Outcome)
        {
            case ActivateOutcome.Invalid:
                throw Errors.Of(ErrorReason.ActivationInvalid);
            case ActivateOutcome.AlreadyActivated:
                throw Errors.Of(ErrorReason.AlreadyActivated);
            case ActivateOutcome.EmailInUse:
                throw Errors.Of(ErrorReason.EmailInUse);
        }

        endings.Activated(result.Account!.AccountId, result.Sessions);
        endings.Removed(result.Removed);
        Log.AccountActivated(logger, result.Account!.AccountId, result.Removed.Count);
        return new ActivateAccountResponse { Account = result.Account.ToContract() };
    }

    private Task<ActivateResult> ByCodeAsync(string code, Caller? caller, CancellationToken cancellationToken) =>
        caller is null
            ? throw Errors.Of(ErrorReason.SessionInvalid)
            : activations.ActivateByCodeAsync(caller.AccountId, mails.HashOfCode(caller.AccountId, code), limits.ActivationCodeTries, time.Now(), cancellationToken);

    private async Task<ActivateResult> ByTokenAsync(string token, string password, Caller? caller, CancellationToken cancellationToken)
    {
        if (caller is null && password.Length == 0)
        {
            throw Errors.Field("password", "REQUIRED", "must be set without the session of the device that registered");
        }

        var hash = SecretToken.Hash(token);
        if (await activations.FindByTokenAsync(hash, cancellationToken) is not { } pending)
        {
            return ActivateResult.Of(caller is { Activated: true } ? ActivateOutcome.AlreadyActivated : ActivateOutcome.Invalid);
        }

        if (caller?.AccountId != pending.AccountId)
        {
            await CheckPasswordAsync(pending, password, cancellationToken);
        }

        return await activations.ActivateByTokenAsync(hash, time.Now(), cancellationToken);
    }

    /// <summary>The same delay after wrong passwords as for signing in: this must not be a second way to guess.</summary>
    private async Task CheckPasswordAsync(AccountRow pending, string password, CancellationToken cancellationToken)
    {
        using var attempt = await guard.EnterAsync(GuardedAct.Reauthentication, GuardSubject.OfAccount(pending.AccountId, null), cancellationToken);
        if (!await hashing.VerifyAsync(password, pending.PasswordHash, cancellationToken))
        {
            await guard.FailedAsync(attempt);
            throw Errors.Of(ErrorReason.WrongCredentials);
        }
    }
}
