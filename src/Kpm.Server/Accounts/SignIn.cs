using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Hints;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Catalogue;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>
/// Connects a device by address and password. A wrong password, an unknown address and a pending account
/// get the same answer after the same work.
/// </summary>
internal sealed class SignIn(
    IAccountStore accounts,
    IActivationStore activations,
    RegionCatalogue catalogue,
    PasswordHashing hashing,
    SharedKeys sharedKeys,
    SignInHints hints,
    KnownDevices knownDevices,
    Guard guard,
    SignInCompletion completion,
    ActivationMails mails,
    MailSignal mailSignal,
    SecurityFeed feed,
    Limits limits)
{
    public async Task<SignInResponse> HandleAsync(SignInRequest request, ServerCallContext context)
    {
        if (!catalogue.HasApplication(request.Device.ApplicationId))
        {
            throw Errors.Field("device.application_id", "NOT_IN_CATALOGUE", "must be an application of the catalogue");
        }

        RequireOneName(request);
        sharedKeys.Verify(request.Device, context);
        var byHint = request.Hint.Length > 0;
        var named = byHint ? await hints.FindAsync(request.Hint, request.Device.SharedKey, context.CancellationToken) : null;
        var address = EmailAddress.Parse(named?.Email ?? request.Email);
        var account = named ?? await accounts.FindActiveAsync(address.Key, context.CancellationToken);
        var known = await knownDevices.FindAsync(request.Device, request.Proof, byHint ? request.Hint : request.Email, account, context.CancellationToken);
        var subject = known is null ? GuardSubject.Of(address) : GuardSubject.OfProvenDevice(address, known.DeviceId);
        using var attempt = await guard.EnterAsync(GuardedAct.SignIn, subject, context, request.SecurityCheck);
        if (attempt.Check is { } check)
        {
            return new SignInResponse { SecurityCheckRequired = check };
        }

        if (!await hashing.VerifyAsync(request.Password, account?.PasswordHash, context.CancellationToken) || account is null)
        {
            await RecordFailureAsync(attempt, address, account, request.Device);
            throw Errors.Of(ErrorReason.WrongCredentials);
        }

        var step = await completion.CompleteAsync(
            new ProvenSignIn { Account = account, Device = request.Device, Method = SignInMethod.Password, TrustedDeviceToken = request.TrustedDeviceToken, AddressHash = attempt.Subject, DeviceKeyProven = known is not null },
            context.CancellationToken);
        await RenewHashAsync(account, request.Password, context.CancellationToken);
        return step switch
        {
            SignInStep.Connected connected => new SignInResponse { SignedIn = connected.SignedIn },
            SignInStep.TwoStep twoStep => new SignInResponse { TwoStepRequired = twoStep.Required },
            SignInStep.Deletion deletion => new SignInResponse { DeletionScheduled = deletion.Scheduled },
            _ => throw new InvalidOperationException($"No response for {step.GetType().Name}."),
        };
    }

    private static void RequireOneName(SignInRequest request)
    {
        if (request.Email.Length == 0 && request.Hint.Length == 0)
        {
            throw Errors.Field("email", Faults.Missing.Reason, "must be set without a hint");
        }

        if (request.Email.Length > 0 && request.Hint.Length > 0)
        {
            throw Errors.Field("hint", "MALFORMED", "must be empty with an email");
        }
    }

    /// <summary>Not cancelled with the call: hanging up must not save a guess from being counted.</summary>
    private async Task RecordFailureAsync(GuardedAttempt attempt, EmailAddress address, AccountRow? account, DeviceInfo device)
    {
        // Looked for also where an account was found, so that both ways take the same time.
        var found = await accounts.FindPendingAsync(address.Key, Guid.ParseExact(device.DeviceId, "D"), CancellationToken.None);
        var pending = account is null ? found : null;
        var noted = await activations.RecordFailedSignInAsync(
            attempt.Failure,
            pending is null ? null : new PendingRemail(pending.AccountId, row => mails.Again(row, pending)),
            account is null ? null : new BlockedSignIn(account.AccountId, limits.SignInFailuresBeforeDelay, new SecurityNote(SecurityEventKind.SignInBlocked, Actor.Anonymous)),
            CancellationToken.None);
        if (noted)
        {
            feed.Appended(account!.AccountId);
        }

        if (pending is not null)
        {
            mailSignal.Set();
        }
    }

    /// <summary>The password is at hand only now, so a hash of former parameters is replaced now.</summary>
    private async Task RenewHashAsync(AccountRow account, string password, CancellationToken cancellationToken)
    {
        if (account.PasswordHash is { } former && hashing.IsOutdated(former))
        {
            var hash = await hashing.HashAsync(password, cancellationToken);
            await accounts.SetPasswordHashAsync(account.AccountId, former, hash, cancellationToken);
        }
    }
}
